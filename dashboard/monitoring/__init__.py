"""Health checks, Prometheus metrics and the system page."""
