"""Requests that nothing can be read from, or that ask for what cannot be."""

import codecs
import logging
from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

from dashboard.api.problems import ProblemError

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
UTF_8 = codecs.lookup("utf-8").name


class RefuseUnreadableMiddleware:
    """Answers 400 to text in another encoding than UTF-8, and to what no database can hold.

    A NUL in a query is seen at once, as no text in the database can have one. Forms look for it
    themselves, and so does the API, in its own words; of the pages, Django's own included, one
    after another would fail on it. What the database refuses to look for, whatever it is, is an
    error of who asks for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Whatever is said of it, an address is in UTF-8; in others a NUL looks different, and half
        # characters can be written.
        if request.encoding is not None and codecs.lookup(request.encoding).name != UTF_8:
            return _refuse(request, "Texts are in UTF-8.")
        is_page = not request.path.startswith(API_PREFIX)
        if is_page and "%00" in request.META.get("QUERY_STRING", ""):
            return _refuse(request, "There is a NUL in the address.")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django with what a view raises."""
        if not isinstance(error, DataError):
            return None
        logger.warning("A page was asked for what cannot be: %s", str(error).partition("\n")[0])
        return _refuse(request, "A value is out of range.")


def _refuse(request: HttpRequest, reason: str) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return ProblemError(HTTPStatus.BAD_REQUEST, reason).response()
    return bad_request(request, BadRequest(reason))
