"""What is known of an anomaly, in words for admins."""

from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from anomalies_app.models import Anomaly, AnomalyReview

MINUTE, HOUR = 60, 3600
DASH = "\N{EN DASH}"
DELETED = "a deleted user"


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


def two_lines(first: Any, second: Any) -> SafeString:
    """What a cell says, and below it, smaller, what belongs to it."""
    return format_html('{}<span class="second">{}</span>', first, second)


def table(pairs: Any) -> SafeString | str:
    """Terms with what they are, one a line."""
    rows = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', pairs)
    return format_html('<table class="facts"><tbody>{}</tbody></table>', rows) if rows else DASH
