"""The HTTP API for other programs: events, sessions, scores, anomalies, announcements."""
