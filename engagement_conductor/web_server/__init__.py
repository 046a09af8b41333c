"""Daphne, with limits on what one slow or greedy client can cost the others."""
