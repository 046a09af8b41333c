"""What is known of an anomaly, in words for admins."""

from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from anomalies_app.models import Anomaly, AnomalyReview

DASH = "\N{EN DASH}"
BREAK = mark_safe("<br>")


def review_in_words(review: AnomalyReview) -> str:
    """Who did what about an anomaly."""
    who = review.user or "a deleted user"
    if review.is_acknowledgement:
        return f"{who}: acknowledged"
    verdicts = f"{review.from_label} \N{RIGHTWARDS ARROW} {review.to_label}"
    note = f": {review.note}" if review.note else ""
    return f"{who}: {verdicts}{note}"


def move_in_words(anomaly: Anomaly) -> str:
    """The signal that moved most, from what to what."""
    move = anomaly.metadata.get("moved") or {}
    if not {"signal", "before", "now", "seconds"} <= move.keys():
        return DASH
    before, now = figure(move["before"]), figure(move["now"])
    return f"{in_words(move['signal'])} from {before} to {now} in {move['seconds']} s"


def change_in_words(change: dict[str, Any]) -> tuple[str, str]:
    """When what has happened to an episode, and how things were."""
    others = {name: value for name, value in change.items() if name not in {"time", "change"}}
    kind, moment = str(change.get("change", "")).lower(), str(change.get("time", ""))
    figures = ", ".join(f"{in_words(name)} {figure(value)}" for name, value in others.items())
    return f"{moment[:19].replace('T', ' ')} {kind}", figures


def in_words(name: str) -> str:
    return name.replace("_", " ")


def figure(value: Any) -> str:
    """A value as far as a reader cares about its decimals."""
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)


def clock(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}"


def lines(pairs: Any) -> SafeString | str:
    """Terms with their explanations, one a line."""
    return format_html_join(BREAK, "{}: {}", pairs) or DASH
