"""Seeded, offline benchmarks: `make bench`. Every figure stands beside a baseline of the same run."""
