"""Requests that nothing can be read from, or that ask for what cannot be."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

from dashboard.api.problems import ProblemError

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"


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
        """Called by Django with what a view raises."""
        if not isinstance(error, DataError):
            return None
        logger.warning("A page was asked for what cannot be: %s", str(error).partition("\n")[0])
        return _refuse(request, "A value is out of range.")


def _is_key(key: Any, value: str) -> bool:
    try:
        key.to_python(value)
    except (ValidationError, ValueError):
        return False
    return "\0" not in value


def _refuse(request: HttpRequest, reason: str) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return ProblemError(HTTPStatus.BAD_REQUEST, reason).response()
    return bad_request(request, BadRequest(reason))
