"""App configuration: connects the dashboard to the apps below it."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from anomalies_app.review import acknowledged
        from dashboard.live.acknowledgements import broadcast_acknowledged
        from sessions_app.queries.querysets import ASSIGNMENTS

        ASSIGNMENTS.add("api_tokens")
        acknowledged.connect(broadcast_acknowledged)
