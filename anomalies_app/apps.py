"""Application settings."""

from django.apps import AppConfig


class AnomaliesConfig(AppConfig):
    name = "anomalies_app"
    verbose_name = "Anomalies"
