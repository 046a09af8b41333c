"""Benchmarks and studies of the detector."""
