"""The dataset of an evaluation, extracted once from each bag: features, clips and small pictures, in files."""
