"""Who may see details: admins, and monitoring systems with their token."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from dashboard.http.credentials import checked_token
from sessions_app.queries.querysets import sees_everything


def bearer_token(request: HttpRequest) -> str | None:
    """The token from the ``Authorization`` header; None if there is none or it cannot be one."""
    return checked_token(request.headers.get("Authorization", ""))


def has_monitoring_token(request: HttpRequest) -> bool:
    """Whether the request has ``METRICS_TOKEN``; needs no server, so it works in an outage."""
    token = bearer_token(request)
    return bool(
        settings.METRICS_TOKEN
        and token is not None
        and constant_time_compare(token, settings.METRICS_TOKEN)
    )


def may_see_details(request: HttpRequest) -> bool:
    """Whether the client may see details; needs the database, unless a token says so."""
    return has_monitoring_token(request) or sees_everything(request.user)
