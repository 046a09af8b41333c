"""Inputs of the benchmarks: a simulated platform, recorded and altered sessions."""
