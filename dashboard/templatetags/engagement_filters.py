"""Template filters for scores, signals and times.

Numbers are rounded by dashboard/formatting/rounding.py, labels come from
dashboard/formatting/presentation.py. What depends on the viewer's locale or time zone, or changes
as time passes, is formatted again, or only, by scripts.
"""

import json
from datetime import UTC, datetime, timedelta
from numbers import Real
from typing import Any

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from dashboard.formatting import presentation, rounding

register = template.Library()

NOTHING = "–"


@register.simple_tag
def presentation_data() -> SafeString:
    """Labels, texts and thresholds for static/js/presentation.js."""
    return json_script(presentation.PRESENTATION, "presentation")


@register.filter
def label(name: str | None, kind: str) -> str:
    """The label of a category, severity, anomaly type or kind of pause."""
    return presentation.label(kind, name)


@register.filter
def words(name: str) -> str:
    """Another text that templates and scripts share."""
    return presentation.WORDS[name]


@register.filter
def percent(ratio: Any) -> str:
    """A ratio as a whole percentage, without the percent sign; a dash for None."""
    return str(rounding.whole_percent(ratio)) if isinstance(ratio, Real) else NOTHING


@register.filter
def whole(number: Any) -> str:
    """A count or rate as a whole number with thousands separators; a dash for None."""
    if not isinstance(number, Real):
        return NOTHING
    return number_format(rounding.whole(number), force_grouping=True)


# By the names used in templates; static/js/format.js has the same names.
FORMATS = {"percent": percent, "whole": whole}


@register.filter
def figure(value: Any, form: str) -> str:
    """A number in one of :data:`FORMATS`."""
    return FORMATS[form](value)


@register.filter
def number(value: Any) -> str:
    """The same as ``<data>``, which a script reformats for the viewer's locale."""
    if not isinstance(value, Real):
        return NOTHING
    return format_html('<data value="{}">{}</data>', str(rounding.whole(value)), whole(value))


@register.filter
def points(value: Any) -> str:
    """Points of a score with sign and one decimal, ``+24.3``; a dash for None."""
    if not isinstance(value, Real):
        return NOTHING
    sign = "\N{MINUS SIGN}" if value < 0 else "+" if value else ""
    return f"{sign}{abs(value):.1f}"


@register.filter
def magnitude(value: Any) -> Any:
    """A number without its sign."""
    return abs(value) if isinstance(value, Real) else 0


@register.filter
def positive(value: Any) -> Any:
    """The number, or 0 if it is negative."""
    return max(0, value) if isinstance(value, Real) else 0


@register.filter
def time_span(milliseconds: Any) -> str:
    """A duration, which the browser puts into words; without scripts, as ``H:MM:SS``."""
    if not isinstance(milliseconds, Real):
        return SafeString("<time-span></time-span>")
    plain = timedelta(seconds=rounding.whole(float(milliseconds) / 1000))
    return format_html(
        '<time-span length="{}"><noscript>{}</noscript></time-span>', str(milliseconds), plain
    )


@register.filter
def json_text(value: Any) -> str:
    """A value as JSON, for an attribute that a script reads."""
    return json.dumps(value, separators=(",", ":"))


@register.filter
def acknowledgement(acknowledged: dict[str, Any] | None) -> str:
    """Who acknowledged an anomaly, and when; empty if nobody did."""
    if not acknowledged:
        return ""
    time = date_format(localtime(moment(acknowledged["at"])), "H:i:s T")
    return presentation.WORDS["acknowledged"].format(what=acknowledged["text"], time=time)


@register.filter
def since(now: float | None, time: float | None) -> float | None:
    """The milliseconds from ``time`` to ``now``; None if either is unknown."""
    return now - time if isinstance(now, Real) and isinstance(time, Real) else None


@register.filter
def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as a datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
