"""What templates write of scores, signals and times.

Figures are rounded by dashboard/formatting/rounding.py, names come from
dashboard/formatting/presentation.py. Digits, times and lengths that a viewer's language and zone or
the passing of time decide on are written once more, or only, by scripts.
"""

import json
from datetime import UTC, datetime, timedelta
from numbers import Real
from typing import Any

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from dashboard.formatting import presentation, rounding

register = template.Library()

NOTHING = "–"


@register.simple_tag
def presentation_data() -> SafeString:
    """The labels, words and thresholds, as static/js/presentation.js reads them."""
    return json_script(presentation.PRESENTATION, "presentation")


@register.filter
def label(name: str | None, kind: str) -> str:
    """A category, severity, type of anomaly or kind of pause in words."""
    return presentation.label(kind, name)


@register.filter
def words(name: str) -> str:
    """What else stands both in a template and in a script."""
    return presentation.WORDS[name]


@register.filter
def percent(ratio: Any) -> str:
    """A ratio as a whole number of percent, without the sign; a dash for none."""
    return str(rounding.whole_percent(ratio)) if isinstance(ratio, Real) else NOTHING


@register.filter
def whole(number: Any) -> str:
    """A count or rate as a whole number with grouped thousands; a dash for none."""
    if not isinstance(number, Real):
        return NOTHING
    return number_format(rounding.whole(number), force_grouping=True)


# By the name that a template gives to a figure; static/js/format.js has the same names.
FORMATS = {"percent": percent, "whole": whole}


@register.filter
def figure(value: Any, form: str) -> str:
    """A figure in one of :data:`FORMATS`."""
    return FORMATS[form](value)


@register.filter
def number(value: Any) -> str:
    """The same for pages whose script writes numbers as the viewer's language has them."""
    if not isinstance(value, Real):
        return NOTHING
    return format_html('<data value="{}">{}</data>', str(rounding.whole(value)), whole(value))


@register.filter
def points(value: Any) -> str:
    """Points of a score with their sign and one decimal, ``+24.3``; a dash for none."""
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
    """A number, or 0 where it is below that."""
    return max(0, value) if isinstance(value, Real) else 0


@register.filter
def time_span(milliseconds: Any) -> str:
    """A length of time, which the browser puts in words; without scripts, in hours to seconds."""
    if not isinstance(milliseconds, Real):
        return mark_safe("<time-span></time-span>")
    plain = timedelta(seconds=rounding.whole(float(milliseconds) / 1000))
    return format_html(
        '<time-span length="{}"><noscript>{}</noscript></time-span>', str(milliseconds), plain
    )


@register.filter
def json_text(value: Any) -> str:
    """A value as an attribute that a script reads."""
    return json.dumps(value, separators=(",", ":"))


@register.filter
def acknowledgement(acknowledged: dict[str, Any] | None) -> str:
    """Who has seen an anomaly, and when; nothing for nobody."""
    if not acknowledged:
        return ""
    time = date_format(localtime(moment(acknowledged["at"])), "H:i:s T")
    return presentation.WORDS["acknowledged"].format(what=acknowledged["text"], time=time)


@register.filter
def since(now: float | None, time: float | None) -> float | None:
    """The milliseconds from ``time`` to ``now``; None where either is not known."""
    return now - time if isinstance(now, Real) and isinstance(time, Real) else None


@register.filter
def moment(milliseconds: int) -> datetime:
    """A time of the browser's as the server's templates show times."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
