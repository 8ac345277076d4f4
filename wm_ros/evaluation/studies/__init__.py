"""The studies of an evaluation, each from the dataset alone, with its result as JSON data."""
