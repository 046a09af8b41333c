"""Validation of the API's query parameters."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from dashboard.api.session_addresses import encoded_path
from dashboard.http.problems import bad_parameter
from dashboard.pages.times import parse_time

MAX_ITEMS = 1000
MAX_CURSOR = 2**63 - 1
MAX_DIGITS = len(str(MAX_CURSOR))


def read_limit(request: HttpRequest, default: int) -> int:
    """``limit``: how many items to return, 1 to :data:`MAX_ITEMS`."""
    return _read_integer(request, "limit", default, 1, MAX_ITEMS)


def read_cursor(request: HttpRequest) -> int:
    """``cursor``: where a page begins, taken from ``next`` of the previous one."""
    return _read_integer(request, "cursor", 0, 0, MAX_CURSOR)


def read_id(request: HttpRequest) -> str:
    """``id``: the platform's session ID."""
    external_id = request.GET.get("id", "")
    if not external_id:
        raise bad_parameter("id", "the platform's session ID")
    return external_id


def read_time(request: HttpRequest, name: str) -> datetime | None:
    """A time in ISO 8601 with a zone; None if it is not given."""
    value = request.GET.get(name)
    if value is None:
        return None
    try:
        return parse_time(value)
    except ValueError:
        expected = "a time with a zone, e.g. 2026-11-22T10:15:05Z (encode + as %2B in a URL)"
        raise bad_parameter(name, expected) from None


def read_choice(request: HttpRequest, name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; the first if it is not given."""
    value = request.GET.get(name, choices[0])
    if value not in choices:
        raise bad_parameter(name, f"one of {', '.join(choices)}")
    return value


def next_page(request: HttpRequest, **changed: Any) -> str:
    """The URL of this page with some parameters changed."""
    path = encoded_path(getattr(request, "scope", {}), request.path)
    return f"{path}?{urlencode({**request.GET.dict(), **changed})}"


def _read_integer(request: HttpRequest, name: str, default: int, low: int, high: int) -> int:
    value = request.GET.get(name, str(default))
    is_number = len(value) <= MAX_DIGITS and value.isascii() and value.isdecimal()
    if not is_number or not low <= int(value) <= high:
        raise bad_parameter(name, f"an integer from {low} to {high}")
    return int(value)
