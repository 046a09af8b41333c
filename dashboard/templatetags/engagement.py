"""Formatting of scores and signals, the same as in static/js/format.js."""

import math
from numbers import Real
from typing import Any

from django import template
from django.utils.formats import number_format

register = template.Library()

NOTHING = "–"

CATEGORY_LABELS = {
    "VERY_HIGH": "Very high",
    "HIGH": "High",
    "MODERATE": "Moderate",
    "LOW": "Low",
    "VERY_LOW": "Very low",
}


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


def _rounded(number: Any) -> int:
    # As browsers do it; Python's round() goes to the even neighbour.
    return math.floor(number + 0.5)


@register.filter
def category_label(name: str | None) -> str:
    """A category in words."""
    return CATEGORY_LABELS.get(name or "", "No score yet")
