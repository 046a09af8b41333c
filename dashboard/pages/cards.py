"""Cards of the overview: which are shown, in which order, and as HTML.

Who looks at the same tick of a session as somebody else is given the same HTML.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dashboard.formatting.presentation import SEVERITIES

# About 6 MB. With more live sessions than this some cards are drawn more than once in a tick.
KEPT_CARDS = 2_000


def draw_card(card: dict[str, Any], *, wanted: bool) -> SafeString:
    """A card, as :func:`dashboard.pages.payloads.card_payload` has it.

    Args:
        wanted: whether it is shown; one that is not is there, but hidden.
    """
    return _draw(msgspec.json.encode(card), wanted)


@lru_cache(maxsize=KEPT_CARDS)
def _draw(card: bytes, wanted: bool) -> SafeString:
    context = {"card": msgspec.json.decode(card), "wanted": wanted}
    return render_to_string("dashboard/_card.html", context)


def in_order(cards: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sessions in trouble first, the worst before all; otherwise as they come."""
    return sorted(cards, key=_trouble)


def _trouble(card: dict[str, Any]) -> int:
    anomaly = card["anomaly"]
    return SEVERITIES.index(anomaly["severity"]) if anomaly else len(SEVERITIES)


def is_wanted(card: dict[str, Any], event: int | None, words: str) -> bool:
    """Whether a card is one of the event (a key; None for all) and holds all of the words."""
    text = f"{card['title']} {card['event_title']}".lower()
    return event in (None, card["event"]) and all(word in text for word in words.lower().split())
