"""What is known of an anomaly, in words for admins."""

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
    "total_users": "Users in all",
    "reactions_per_min": "Reactions a minute",
    "user_leave_rate": "Leave rate",
}
_SHARES = {"poll_participation", "user_leave_rate"}
# What the detector notes of a change, in the order in which it is told.
_CHANGE_WORDS: dict[str, Callable[[Any], str]] = {
    "type": lambda name: dict(AnomalyType.choices).get(name, str(name)),
    "severity": lambda name: dict(Severity.choices).get(name, str(name)).lower(),
    "anomaly_score": lambda value: f"score {figure(value, 2)}",
    "current_engagement": lambda value: f"engagement {share(value, 0)}",
    "expected_engagement": lambda value: f"{share(value, 0)} expected",
}


def review_in_words(review: AnomalyReview) -> str:
    """Who did what about an anomaly."""
    who = review.user or DELETED
    if review.is_acknowledgement:
        return f"{who}: acknowledged"
    verdicts = f"{review.from_label} \N{RIGHTWARDS ARROW} {review.to_label}"
    note = f": {review.note}" if review.note else ""
    return f"{who}: {verdicts}{note}"


def name_of(anomaly: Anomaly) -> str:
    """What it is called where it stands alone."""
    return f"{anomaly.get_type_display()} in {anomaly.session}"


def person_of(anomaly: Anomaly) -> str:
    """Who made its status what it is; empty for an open one."""
    if anomaly.verdict:
        return str(anomaly.reviewed_by or DELETED)
    return "" if anomaly.acknowledged_at is None else str(anomaly.acknowledged_by or DELETED)


def lasted_in_words(anomaly: Anomaly) -> str:
    """How long it went on."""
    if anomaly.over_at is None:
        return "goes on"
    seconds = round((anomaly.over_at - anomaly.time).total_seconds())
    if seconds < 2 * MINUTE:
        return f"over after {seconds} s"
    if seconds < 2 * HOUR:
        return f"over after {round(seconds / MINUTE)} min"
    return f"over after {round(seconds / HOUR)} h"


def move_in_words(anomaly: Anomaly) -> str:
    """The signal that moved most, from what to what."""
    move = anomaly.metadata.get("moved") or {}
    if not {"signal", "before", "now", "seconds"} <= move.keys():
        return DASH
    before, now = figure(move["before"]), figure(move["now"])
    return f"{signal_label(move['signal'])} from {before} to {now} in {move['seconds']} s"


def change_in_words(change: dict[str, Any]) -> tuple[str, str]:
    """When what has happened to an episode, and how things were."""
    kind, moment = str(change.get("change", "")).lower(), str(change.get("time", ""))
    words = [told(change[name]) for name, told in _CHANGE_WORDS.items() if name in change]
    return f"{_clock_of(moment)} {kind}", ", ".join(words)


def signals_in_words(signals: dict[str, Any]) -> list[tuple[str, str]]:
    """Names for readers, and values with their units; the database keeps no order."""
    known = {name: signals[name] for name in _SIGNAL_LABELS if name in signals}
    return [
        (signal_label(name), share(value) if name in _SHARES else figure(value))
        for name, value in {**known, **signals}.items()
    ]


def signal_label(name: str) -> str:
    return _SIGNAL_LABELS.get(name, name.replace("_", " "))


def figure(value: Any, decimals: int = 1) -> str:
    """A value as far as a reader cares about its decimals."""
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def share(value: Any, decimals: int = 1) -> str:
    """A ratio in percent."""
    return f"{figure(100 * value, decimals)} %" if isinstance(value, int | float) else str(value)


def clock(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}"


def _clock_of(text: str) -> str:
    """A noted time like all others of the page; one that is none stays as it is."""
    try:
        return clock(datetime.fromisoformat(text))
    except ValueError:
        return text


def two_lines(first: Any, second: Any) -> SafeString:
    """What a cell says, and below it, smaller, what belongs to it."""
    return format_html('{}<span class="second">{}</span>', first, second)


def table(pairs: Any) -> SafeString | str:
    """Terms with what they are, one a line."""
    rows = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', pairs)
    return format_html('<table class="facts"><tbody>{}</tbody></table>', rows) if rows else DASH
