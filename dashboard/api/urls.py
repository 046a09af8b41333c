"""Addresses of the API. IDs of sessions may contain anything, so what follows them comes first."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.urls import re_path

from dashboard.api import announcements, views
from dashboard.api.endpoint import endpoint
from dashboard.api.problems import ProblemError
from dashboard.models import ApiToken

SESSION = r"^sessions/(?P<external_id>.+?)"


def refuse(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
    """Every other address."""
    raise ProblemError(HTTPStatus.NOT_FOUND, "The API has no such address: see openapi.yaml.")


urlpatterns = [
    re_path(r"^openapi\.yaml$", views.show_specification, name="api-specification"),
    re_path(r"^events/?$", endpoint("GET", views.list_events), name="api-events"),
    re_path(r"^sessions/?$", endpoint("GET", views.list_sessions), name="api-sessions"),
    re_path(rf"{SESSION}/history/?$", endpoint("GET", views.show_history), name="api-history"),
    re_path(
        rf"{SESSION}/anomalies/?$", endpoint("GET", views.list_anomalies), name="api-anomalies"
    ),
    re_path(rf"{SESSION}/pause/?$", endpoint("POST", announcements.pause), name="api-pause"),
    re_path(rf"{SESSION}/resume/?$", endpoint("POST", announcements.resume), name="api-resume"),
    re_path(rf"{SESSION}/end/?$", endpoint("POST", announcements.end), name="api-end"),
    re_path(rf"{SESSION}/?$", endpoint("GET", views.show_session), name="api-session"),
    re_path("", endpoint("GET", refuse), name="api-unknown"),
]
