"""Seeded, offline benchmarks: `make bench`. Every figure has a baseline of the same run."""
