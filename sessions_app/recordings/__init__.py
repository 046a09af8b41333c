"""Recorded events and signals: reading, writing, replaying and CSV."""
