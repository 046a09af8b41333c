"""Anomalies of sessions: their detection, their review and how well it works."""
