"""Cards as HTML. Who looks at the same tick of a session as somebody else is given the same."""

from functools import lru_cache
from typing import Any

import msgspec
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dashboard.templatetags.engagement_filters import duration, since

# About 6 MB. With more live sessions than this some cards are drawn more than once in a tick.
KEPT_CARDS = 2_000


def draw_card(card: dict[str, Any], now: int, *, wanted: bool) -> SafeString:
    """A card of the overview, as :func:`dashboard.pages.payloads.card_payload` has it.

    Args:
        now: milliseconds since 1970, from which the age of its anomaly is told.
        wanted: whether it is shown; one that is not is there, but hidden.
    """
    anomaly = card["anomaly"]
    age = duration(since(now, anomaly["began"])) if anomaly else ""
    return _draw(msgspec.json.encode(card), wanted, age)


@lru_cache(maxsize=KEPT_CARDS)
def _draw(card: bytes, wanted: bool, age: str) -> SafeString:
    context = {"card": msgspec.json.decode(card), "wanted": wanted, "age": age}
    return render_to_string("dashboard/_card.html", context)
