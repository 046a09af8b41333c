"""Query parameters of the API, validated."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware

from dashboard.api.problems import bad_parameter

MOST_ITEMS = 1000


def read_limit(request: HttpRequest, default: int) -> int:
    """``limit``: how many items to return, 1 to :data:`MOST_ITEMS`."""
    return _read_integer(request, "limit", default, 1, MOST_ITEMS)


def read_cursor(request: HttpRequest) -> int:
    """``cursor``: where a page begins, as an answer's ``next`` has it."""
    return _read_integer(request, "cursor", 0, 0, 2**63 - 1)


def read_time(request: HttpRequest, name: str) -> datetime | None:
    """A time in ISO 8601 with its zone; None where it is not given."""
    value = request.GET.get(name)
    if value is None:
        return None
    try:
        time = parse_datetime(value)
    except ValueError:
        time = None
    if time is None or not is_aware(time):
        expected = "a time with its zone, as 2026-11-22T10:15:05Z (and + is %2B in an address)"
        raise bad_parameter(name, expected)
    return time


def read_choice(request: HttpRequest, name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``, the first where it is not given."""
    value = request.GET.get(name, choices[0])
    if value not in choices:
        raise bad_parameter(name, f"one of {', '.join(choices)}")
    return value


def next_page(request: HttpRequest, **changed: Any) -> str:
    """The address of this page with other parameters."""
    return f"{request.path}?{urlencode({**request.GET.dict(), **changed})}"


def _read_integer(request: HttpRequest, name: str, default: int, low: int, high: int) -> int:
    value = request.GET.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and low <= int(value[:20]) <= high):
        raise bad_parameter(name, f"a whole number from {low} to {high}")
    return int(value)
