"""Operators' tasks: back up, scale out, upgrade."""
