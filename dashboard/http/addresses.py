"""Requests that nothing can be read from, or that ask for what cannot be."""

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

from dashboard.http.problems import ProblemError
from dashboard.losses import losses
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named
from sessions_app.telemetry.outages import first_line, log_failure

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
OUR_PACKAGES = frozenset({"anomalies_app", "dashboard", "engagement_conductor", "sessions_app"})
# What reading a value raises.
UNREADABLE = (OverflowError, TypeError, ValidationError, ValueError)


class RefuseUnreadableMiddleware:
    """Answers 400 to what no database can hold, and to rows of the admin that cannot be any.

    A NUL in a query is seen at once, as no text in the database can have one. Forms look for it
    themselves, and so does the API, in its own words; of the pages, Django's own included, one
    after another would fail on it. What the database refuses to look for, whatever it is, is an
    error of who asks for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith(API_PREFIX)
        if is_page and "%00" in request.META.get("QUERY_STRING", ""):
            return _refuse(request, "There is a NUL in the address.")
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, named: Any
    ) -> HttpResponse | None:
        """Called by Django before a view; those of the admin look rows up by what a form sends."""
        model_admin = getattr(view, "model_admin", None)
        if model_admin is None or request.method != "POST":
            return None
        key = model_admin.opts.pk
        if all(_is_key(key, value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return None
        return _refuse(request, "There cannot be a row with this key.")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django with what a view raises.

        Django's admin raises what it finds when it reads a value late, such as a year of a filter
        or the key in a link. What our own code raises is a fault of ours and stays one.
        """
        if isinstance(error, DataError):
            return _refuse(request, "A value is out of range.", error)
        if not _is_of_the_admin(request) or not isinstance(error, UNREADABLE):
            return None
        packages = _packages(error)
        if packages[-1] in OUR_PACKAGES:
            return None
        if not OUR_PACKAGES.isdisjoint(packages):
            log_failure(logger, "A page of the admin fails on what it was asked", error)
        return _refuse(request, "A value cannot be read.", error)


def _is_key(key: Any, value: str) -> bool:
    try:
        key.to_python(value)
    except (ValidationError, ValueError):
        return False
    return "\0" not in value


def _is_of_the_admin(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and "admin" in match.app_names


def _packages(error: Exception) -> list[str]:
    """The packages through which an error has come; the one that raised it is the last."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]


def _refuse(request: HttpRequest, reason: str, error: Exception | None = None) -> HttpResponse:
    why = reason if error is None else f"{type(error).__name__}: {first_line(error)}"
    losses.count(named(REFUSED_REQUESTS, "unreadable"), f"{request.path[:100]!r}: {why}")
    if request.path.startswith(API_PREFIX):
        return ProblemError(HTTPStatus.BAD_REQUEST, reason).response()
    return bad_request(request, BadRequest(reason))
