"""Anomalies in Django admin."""

from anomalies_app.admin.anomaly_admin import AnomalyAdmin

__all__ = ["AnomalyAdmin"]
