"""Application settings."""

from django.apps import AppConfig


class EngagementConductorConfig(AppConfig):
    name = "engagement_conductor"
