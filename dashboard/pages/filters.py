"""The filter for sessions, as it appears in the URL of a page."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest

from sessions_app.models import Event

MAX_SEARCH_LENGTH = 200
MAX_KEY = 2**63 - 1
MAX_KEY_DIGITS = len(str(MAX_KEY))


class Filter(NamedTuple):
    """Which sessions to show.

    Attributes:
        event: only sessions of this event; None for all.
        words: all must occur in the titles of session and event.
    """

    event: Event | None = None
    words: str = ""

    @property
    def query(self) -> str:
        """The filter as a query string: ``?event=3&q=keynote``, or empty."""
        given = {"event": self.event and self.event.pk, "q": self.words}
        chosen = {name: value for name, value in given.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""


def read_filter(request: HttpRequest) -> Filter:
    """The filter in a query string like ``?event=3&q=keynote``; invisible events are ignored."""
    key = request.GET.get("event", "")
    event = None
    if len(key) <= MAX_KEY_DIGITS and key.isascii() and key.isdigit() and int(key) <= MAX_KEY:
        event = Event.objects.visible_to(request.user).filter(pk=int(key)).first()
    return Filter(event, request.GET.get("q", "")[:MAX_SEARCH_LENGTH].strip())


def choices(events: Any, chosen: Event | None) -> list[tuple[int, str]]:
    """Keys and titles of the events to choose from, sorted by title."""
    titles = dict(events)
    if chosen is not None:
        titles[chosen.pk] = chosen.title
    return sorted(titles.items(), key=lambda item: (item[1], item[0]))
