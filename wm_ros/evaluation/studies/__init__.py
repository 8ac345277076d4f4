"""The questions of an evaluation, each answered from the evidence alone, as JSON data."""
