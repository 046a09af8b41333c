"""Sessions with anomalies whose times and types are known."""
