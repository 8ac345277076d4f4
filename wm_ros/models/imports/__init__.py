"""Weights that others published: found, read without running code of theirs, checked, brought into our layout."""
