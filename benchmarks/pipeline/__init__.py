"""Benchmarks of the pipeline from an event on Redis to a stored and published score."""
