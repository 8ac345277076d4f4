"""What an evaluation takes from each bag, once: features, clips and small pictures, in files."""
