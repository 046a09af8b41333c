"""What of the sessions somebody wants to see, as it stands in the address of the page."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest

from sessions_app.models import Event

LONGEST_SEARCH = 200
LARGEST_KEY = 2**63 - 1
LONGEST_KEY = len(str(LARGEST_KEY))


class Filter(NamedTuple):
    """Which sessions are wanted.

    Attributes:
        event: whose sessions; None for all.
        words: all of them must stand in the titles of session and event.
    """

    event: Event | None = None
    words: str = ""

    @property
    def query(self) -> str:
        """The filter as the end of an address: ``?event=3&q=keynote``, or nothing."""
        given = {"event": self.event and self.event.pk, "q": self.words}
        chosen = {name: value for name, value in given.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""


def read_filter(request: HttpRequest) -> Filter:
    """The filter of an address like ``?event=3&q=keynote``; foreign events are none."""
    key = request.GET.get("event", "")
    event = None
    if len(key) <= LONGEST_KEY and key.isascii() and key.isdigit() and int(key) <= LARGEST_KEY:
        event = Event.objects.visible_to(request.user).filter(pk=int(key)).first()
    return Filter(event, request.GET.get("q", "")[:LONGEST_SEARCH].strip())


def choices(events: Any, chosen: Event | None) -> list[tuple[int, str]]:
    """Keys and titles of the events one can choose from, in the order of their titles."""
    titles = dict(events)
    if chosen is not None:
        titles[chosen.pk] = chosen.title
    return sorted(titles.items(), key=lambda item: (item[1], item[0]))
