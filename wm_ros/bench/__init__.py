"""Benchmarks: one file per promise, each against the straightforward way in the same run."""
