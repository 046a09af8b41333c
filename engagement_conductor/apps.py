"""App configuration: registers the system checks."""

from django.apps import AppConfig


class EngagementConductorConfig(AppConfig):
    name = "engagement_conductor"

    def ready(self) -> None:
        from engagement_conductor.configuration import checks  # noqa: F401 - importing registers them
