"""Families of encoders of equal size, data and compute, with and without commands: what each knows, as one table."""
