"""Formatting of scores, signals and anomalies, the same as in static/js/format.js."""

import math
from datetime import UTC, datetime
from numbers import Real
from typing import Any

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from anomalies_app.models import AnomalyType, Severity
from dashboard.formatting import sparkline
from sessions_app.models import PauseKind

register = template.Library()

NOTHING = "–"

CATEGORY_LABELS = {
    "VERY_HIGH": "Very high",
    "HIGH": "High",
    "MODERATE": "Moderate",
    "LOW": "Low",
    "VERY_LOW": "Very low",
}
ANOMALY_LABELS = {str(name): str(label) for name, label in AnomalyType.choices}
SEVERITY_LABELS = {str(name): str(label) for name, label in Severity.choices}
# As far back as the detector knows the signals.
LONGEST_FALL_SECONDS = 320
# The signals that anomalies are told by.
SIGNAL_LABELS = {
    "chat_msgs_per_min": "Chat per minute",
    "active_users": "Active users",
    "reactions_per_min": "Reactions per minute",
}
TREND_LABELS = {"RISING": "Rising", "STEADY": "Steady", "FALLING": "Falling"}
PAUSE_LABELS = {str(name): str(label) for name, label in PauseKind.choices}


@register.filter
def percent(ratio: Any) -> str:
    """A ratio as a whole number of percent, without the sign; a dash for none."""
    return str(_rounded(ratio * 100)) if isinstance(ratio, Real) else NOTHING


@register.filter
def whole(number: Any) -> str:
    """A count or rate as a whole number with grouped thousands; a dash for none."""
    if not isinstance(number, Real):
        return NOTHING
    return number_format(_rounded(number), force_grouping=True)


@register.filter
def number(value: Any) -> str:
    """The same for pages whose script writes numbers as the viewer's language has them."""
    if not isinstance(value, Real):
        return NOTHING
    return format_html('<data value="{}">{}</data>', str(_rounded(value)), whole(value))


@register.filter
def points(value: Any) -> str:
    """What a term adds to a score, in its points of a hundred: ``+24.3``; a dash for none."""
    if not isinstance(value, Real):
        return NOTHING
    size = f"{abs(float(value)) * 100:.1f}"
    sign = "" if size == "0.0" else "\N{MINUS SIGN}" if value < 0 else "+"
    return sign + size


@register.filter
def magnitude(value: Any) -> Any:
    """A number without its sign."""
    return abs(value) if isinstance(value, Real) else 0


@register.filter
def positive(value: Any) -> Any:
    """A number, or 0 where it is below that."""
    return max(0, value) if isinstance(value, Real) else 0


def _rounded(number: Any) -> int:
    # As browsers do it; Python's round() goes to the even neighbour.
    return math.floor(number + 0.5)


@register.filter
def category_label(name: str | None) -> str:
    """A category in words."""
    return CATEGORY_LABELS.get(name or "", "No score yet")


@register.filter
def anomaly_label(name: str) -> str:
    """A type of anomaly in words."""
    return ANOMALY_LABELS.get(name, "Unusual")


@register.filter
def severity_label(name: str) -> str:
    """A severity in words."""
    return SEVERITY_LABELS.get(name, "Warning")


@register.filter
def pause_label(name: str | None) -> str:
    """A kind of pause in words; nothing for none."""
    return PAUSE_LABELS.get(name, name) if name else ""


register.filter(sparkline.trend)
register.filter(sparkline.curve)
register.filter(sparkline.area)


@register.filter
def trend_label(name: str | None) -> str:
    """A trend in words; nothing where it is unknown."""
    return TREND_LABELS.get(name or "", "")


@register.filter
def duration(milliseconds: float) -> str:
    """A time span in its largest units, rounded: ``40 s``, ``3 min``, ``1 h 5 min``."""
    seconds = max(0, _rounded(milliseconds / 1000))
    if seconds < 60:
        return f"{seconds} s"
    minutes = _rounded(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def movement(moved: dict[str, Any] | None) -> str:
    """Which signal has moved most, from what to what: ``Active users 190 → 121 in 40 s``."""
    if not moved:
        return ""
    label = SIGNAL_LABELS.get(moved["signal"], moved["signal"])
    values = f"{whole(moved['before'])} \N{RIGHTWARDS ARROW} {whole(moved['now'])}"
    return f"{label} {values} {_fall_length(moved['seconds'])}"


def _fall_length(seconds: int) -> str:
    """The same length as in the sentence beside it (anomalies_app/detector/explanations.py)."""
    if seconds >= LONGEST_FALL_SECONDS:
        return "over more than 5 min"
    return f"in {seconds} s" if seconds < 120 else f"in {round(seconds / 60)} min"


@register.filter
def acknowledgement(acknowledged: dict[str, Any] | None) -> str:
    """Who has seen an anomaly, and when; nothing for nobody."""
    if not acknowledged:
        return ""
    by = f" by {acknowledged['by']}" if acknowledged["by"] else ""
    return f"Acknowledged{by} at {date_format(localtime(moment(acknowledged['at'])), 'H:i:s T')}"


@register.filter
def since(now: float, time: float) -> float:
    """The milliseconds from ``time`` to ``now``."""
    return now - time


@register.filter
def moment(milliseconds: int) -> datetime:
    """A time of the browser's as the server's templates show times."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
