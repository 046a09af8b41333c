"""Anomalies in words, for the admin."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from anomalies_app.models import Anomaly, AnomalyReview, AnomalyType, Severity

MINUTE, HOUR = 60, 3600
DASH = "\N{EN DASH}"
DELETED = "a deleted user"


_SIGNAL_LABELS = {
    "chat_msgs_per_min": "Chat messages a minute",
    "poll_participation": "Poll participation",
    "active_users": "Active users",
    "total_users": "Total users",
    "reactions_per_min": "Reactions a minute",
    "user_leave_rate": "Leave rate",
}
_SHARES = {"poll_participation", "user_leave_rate"}
# The values of a change, in the order in which they are shown.
_CHANGE_WORDS: dict[str, Callable[[Any], str]] = {
    "type": lambda name: dict(AnomalyType.choices).get(name, str(name)),
    "severity": lambda name: dict(Severity.choices).get(name, str(name)).lower(),
    "anomaly_score": lambda value: f"score {number(value, 2)}",
    "current_engagement": lambda value: f"engagement {share(value, 0)}",
    "expected_engagement": lambda value: f"{share(value, 0)} expected",
}


def review_in_words(review: AnomalyReview) -> str:
    """An entry of the review history."""
    who = review.user or DELETED
    if review.is_acknowledgement:
        return f"{who}: acknowledged"
    verdicts = f"{review.from_label} \N{RIGHTWARDS ARROW} {review.to_label}"
    note = f": {review.note}" if review.note else ""
    return f"{who}: {verdicts}{note}"


def name_of(anomaly: Anomaly) -> str:
    """A title for a page of its own."""
    return f"{anomaly.get_type_display()} in {anomaly.session}"


def person_of(anomaly: Anomaly) -> str:
    """Who has set its status; empty if it is open."""
    if anomaly.verdict:
        return str(anomaly.reviewed_by or DELETED)
    return "" if anomaly.acknowledged_at is None else str(anomaly.acknowledged_by or DELETED)


def lasted_in_words(anomaly: Anomaly) -> str:
    """Whether it has ended, and after how long."""
    if anomaly.closed_at is None:
        return "open"
    seconds = round((anomaly.closed_at - anomaly.time).total_seconds())
    if seconds < 2 * MINUTE:
        return f"ended after {seconds} s"
    if seconds < 2 * HOUR:
        return f"ended after {round(seconds / MINUTE)} min"
    return f"ended after {round(seconds / HOUR)} h"


def move_in_words(anomaly: Anomaly) -> str:
    """The signal that moved most, from what to what."""
    move = anomaly.metadata.get("moved") or {}
    if not {"signal", "before", "now", "seconds"} <= move.keys():
        return DASH
    before, now = number(move["before"]), number(move["now"])
    return f"{signal_label(move['signal'])} from {before} to {now} in {move['seconds']} s"


def change_in_words(change: dict[str, Any]) -> tuple[str, str]:
    """A stored change: its time and kind, and its values."""
    kind, moment = str(change.get("change", "")).lower(), str(change.get("time", ""))
    words = [phrase(change[name]) for name, phrase in _CHANGE_WORDS.items() if name in change]
    return f"{_clock_of(moment)} {kind}", ", ".join(words)


def signals_in_words(signals: dict[str, Any]) -> list[tuple[str, str]]:
    """Labels, and values with their units, in a fixed order, which JSONB does not keep."""
    known = {name: signals[name] for name in _SIGNAL_LABELS if name in signals}
    return [
        (signal_label(name), share(value) if name in _SHARES else number(value))
        for name, value in {**known, **signals}.items()
    ]


def signal_label(name: str) -> str:
    return _SIGNAL_LABELS.get(name, name.replace("_", " "))


def number(value: Any, decimals: int = 1) -> str:
    """A number without superfluous decimals; anything else as text."""
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def share(value: Any, decimals: int = 1) -> str:
    """A ratio in percent."""
    return f"{number(100 * value, decimals)} %" if isinstance(value, int | float) else str(value)


def clock(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}"


def _clock_of(text: str) -> str:
    """A stored time in the format of the page; unchanged if it is not a time."""
    try:
        return clock(datetime.fromisoformat(text))
    except ValueError:
        return text


def two_lines(first: Any, second: Any) -> SafeString:
    """The content of a cell, with a second, smaller line."""
    return format_html('{}<span class="second">{}</span>', first, second)


def table(pairs: Any) -> SafeString | str:
    """Pairs of terms and values as a table."""
    rows = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', pairs)
    return format_html('<table class="facts"><tbody>{}</tbody></table>', rows) if rows else DASH
