"""Answers 400 to requests with malformed or impossible values."""

import logging
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

from dashboard.http.losses import losses
from dashboard.http.problems import ProblemError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named
from sessions_app.telemetry.outages import first_line, log_failure

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
OUR_PACKAGES = frozenset({"anomalies_app", "dashboard", "engagement_conductor", "sessions_app"})
# What parsing a value can raise.
UNREADABLE = (OverflowError, TypeError, ValidationError, ValueError)


class RefuseUnreadableMiddleware:
    """Answers 400 to values that no database can hold, and to impossible primary keys in the admin.

    A NUL in a query string is rejected up front, because no text in the database can contain one.
    Forms and the API check for it themselves, with messages of their own; other pages, including
    Django's, would fail on it. Any value that the database rejects is the client's error.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith(API_PREFIX)
        if is_page and "%00" in request.META.get("QUERY_STRING", ""):
            return _refuse(request, "The URL contains a NUL.")
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, named: Any
    ) -> HttpResponse | None:
        """Checks the keys in a form of the admin, which looks up rows by them. Called by Django."""
        model_admin = getattr(view, "model_admin", None)
        if model_admin is None or request.method != "POST":
            return None
        key = model_admin.opts.pk
        if all(_is_key(key, value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return None
        return _refuse(request, "The key of a row is invalid.")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django with the exception of a view.

        Django's admin parses some values late, such as the year of a filter or the key in a link,
        and lets the exception through. An exception raised in our own code is a bug and stays a
        500.
        """
        if isinstance(error, DataError):
            return _refuse(request, "A value is out of range.", error)
        if not _is_admin(request) or not isinstance(error, UNREADABLE):
            return None
        packages = _packages(error)
        if packages[-1] in OUR_PACKAGES:
            return None
        if not OUR_PACKAGES.isdisjoint(packages):
            log_failure(logger, "An admin page failed on a value in the request", error)
        return _refuse(request, "A value is malformed.", error)


def _is_key(key: Any, value: str) -> bool:
    try:
        key.to_python(value)
    except (ValidationError, ValueError):
        return False
    return "\0" not in value


def _is_admin(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and "admin" in match.app_names


def _packages(error: Exception) -> list[str]:
    """The top-level packages in the traceback of an error; the one that raised it is last."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]


def _refuse(request: HttpRequest, reason: str, error: Exception | None = None) -> HttpResponse:
    why = reason if error is None else f"{type(error).__name__}: {first_line(error)}"
    losses.count(named(REFUSED_REQUESTS, "unreadable"), f"{request.path[:100]!r}: {why}")
    if request.path.startswith(API_PREFIX):
        return ProblemError(HTTPStatus.BAD_REQUEST, reason).response()
    return bad_request(request, BadRequest(reason))
