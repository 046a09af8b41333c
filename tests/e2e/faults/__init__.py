"""Faults and attacks, and their impact."""
