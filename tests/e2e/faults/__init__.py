"""Faults and attacks, and who notices them."""
