"""Anomalies in Django admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from anomalies_app.models import Anomaly


@admin.register(Anomaly)
class AnomalyAdmin(admin.ModelAdmin):
    """Read-only: anomalies are the detector's."""

    list_display = ("time", "session", "event", "type", "severity", "anomaly_score")
    list_filter = ("type", "severity", "time")
    list_select_related = ("session", "event")
    search_fields = ("session__title", "event__title")
    date_hierarchy = "time"
    ordering = ("-time",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
