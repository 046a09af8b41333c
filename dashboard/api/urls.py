"""URLs of the API: events, sessions, and one session by its ID.

The ID is in the path, or in ``?id=``, where no proxy on the way can misread its slashes.
"""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

from dashboard.api import announcements, views
from dashboard.api.endpoint import Handler, endpoint
from dashboard.api.parameters import read_id
from dashboard.api.session_addresses import (
    ROOT,
    encoded_behind_root,
    encoded_path,
    read_session_address,
)
from dashboard.http.problems import ProblemError
from dashboard.models import ApiToken

# Endpoints of one session: the method and the handler, by the last part of the URL.
SESSION_ENDPOINTS: dict[str, tuple[str, Handler]] = {
    "": ("GET", views.show_session),
    "history": ("GET", views.show_history),
    "anomalies": ("GET", views.list_anomalies),
    "pause": ("POST", announcements.pause),
    "resume": ("POST", announcements.resume),
    "end": ("POST", announcements.end),
}


def refuse(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
    """Handles every other URL."""
    raise ProblemError(HTTPStatus.NOT_FOUND, "The API has no such endpoint: see openapi.yaml.")


_REFUSED = endpoint("GET", refuse)
_ENDPOINTS = {
    part: endpoint(method, handler) for part, (method, handler) in SESSION_ENDPOINTS.items()
}


@csrf_exempt
@login_not_required
def answer_by_path(request: HttpRequest, path: str) -> HttpResponse:
    """Dispatches on the path, which contains the session's ID."""
    encoded = encoded_behind_root(encoded_path(getattr(request, "scope", {}), ROOT + path))
    if encoded is None:
        return _REFUSED(request)
    external_id, part = read_session_address(encoded)
    return _ENDPOINTS[part](request, external_id=external_id)


def _by_query(handler: Handler) -> Handler:
    def handle(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
        return handler(request, token, read_id(request))

    return handle


urlpatterns = [
    re_path(r"^openapi\.yaml$", views.show_specification, name="api-specification"),
    re_path(r"^events/?$", endpoint("GET", views.list_events), name="api-events"),
    re_path(r"^sessions/?$", endpoint("GET", views.list_sessions), name="api-sessions"),
    re_path(r"^sessions/(?P<path>(?s:.+))$", answer_by_path, name="api-session"),
    *(
        re_path(
            rf"^session/{part}/?$" if part else r"^session/?$",
            endpoint(method, _by_query(handler)),
            name=f"api-session-by-query{part and '-'}{part}",
        )
        for part, (method, handler) in SESSION_ENDPOINTS.items()
    ),
    re_path("", _REFUSED, name="api-unknown"),
]
