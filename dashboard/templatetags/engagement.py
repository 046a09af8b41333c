"""Formatting of scores and signals, the same as in static/js/format.js."""

from django import template
from django.utils.formats import number_format

register = template.Library()

CATEGORY_LABELS = {
    "VERY_HIGH": "Very high",
    "HIGH": "High",
    "MODERATE": "Moderate",
    "LOW": "Low",
    "VERY_LOW": "Very low",
}


@register.filter
def percent(ratio: float | None) -> str:
    """A ratio as a whole number of percent, without the sign; a dash for none."""
    return "–" if ratio is None else str(round(ratio * 100))


@register.filter
def whole(number: float | None) -> str:
    """A count or rate as a whole number, in the reader's format; a dash for none."""
    return "–" if number is None else number_format(round(number), use_l10n=True)


@register.filter
def category_label(name: str | None) -> str:
    """A category in words."""
    return CATEGORY_LABELS.get(name or "", "No score yet")
