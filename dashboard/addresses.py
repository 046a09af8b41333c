"""Addresses that can lead nowhere."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

API_PREFIX = "/api/"


class RefuseNulMiddleware:
    """Answers 400 to a NUL in a query: no text in the database can have one.

    Forms look for it themselves, and so does the API, in its own words; of the pages, Django's own
    included, one after another would fail on it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith(API_PREFIX)
        if is_page and "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, BadRequest("There is a NUL in the address."))
        return self.get_response(request)
