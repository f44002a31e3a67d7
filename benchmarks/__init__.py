"""Benchmarks of skmi, run from the root of a clone."""
