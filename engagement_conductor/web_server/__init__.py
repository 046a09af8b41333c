"""Daphne, with bounds on what a client that is slow or greedy may cost."""
