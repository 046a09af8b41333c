"""Cards of the overview: filtering, order and HTML.

The HTML of a session's tick is rendered once and shared by all users.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dashboard.formatting.presentation import SEVERITIES

# About 6 MB. With more live sessions than this, some cards are rendered repeatedly in a tick.
CACHED_CARDS = 2_000


def render_card(card: dict[str, Any], *, wanted: bool) -> SafeString:
    """The HTML of a card from :func:`dashboard.pages.payloads.card_payload`.

    Args:
        wanted: whether it is visible; otherwise it is rendered hidden.
    """
    return _render(msgspec.json.encode(card), wanted)


@lru_cache(maxsize=CACHED_CARDS)
def _render(card: bytes, wanted: bool) -> SafeString:
    context = {"card": msgspec.json.decode(card), "wanted": wanted}
    return render_to_string("dashboard/_card.html", context)


def in_order(cards: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sessions with an alert first, the most severe at the top; otherwise the order is kept."""
    return sorted(cards, key=_severity_rank)


def _severity_rank(card: dict[str, Any]) -> int:
    anomaly = card["anomaly"]
    return SEVERITIES.index(anomaly["severity"]) if anomaly else len(SEVERITIES)


def matches(card: dict[str, Any], event: int | None, words: str) -> bool:
    """Whether a card belongs to the event (its key; None for all) and contains all words."""
    text = f"{card['title']} {card['event_title']}".lower()
    return event in (None, card["event"]) and all(word in text for word in words.lower().split())
