"""Querysets of the models, and queries over many sessions at once."""
