"""Rounding of displayed numbers: the only place for pages and their updates.

Halves round up. Scripts format the rounded numbers for the viewer's locale, and round only what
they compute themselves.
"""

from math import floor
from typing import Any

# Steps of a score on a chart, from 0 to 1: finer than any screen shows.
CHART_STEPS = 10_000


def whole(number: float) -> int:
    """The nearest whole number."""
    return floor(number + 0.5)


def tenths(number: float) -> float:
    """The nearest tenth; halves round away from zero."""
    size = floor(abs(number) * 10 + 0.5) / 10
    return -size if number < 0 and size else size


def whole_percent(ratio: float) -> int:
    """A ratio as the nearest whole percentage."""
    return floor(ratio * 100 + 0.5)


def shown_ratio(ratio: float) -> float:
    """A ratio rounded to a whole percent."""
    return floor(ratio * 100 + 0.5) / 100


def chart_score(score: float) -> float:
    """A score in the precision of charts."""
    return floor(score * CHART_STEPS + 0.5) / CHART_STEPS


def shown_signals(signals: Any) -> dict[str, float]:
    """Signals as pages show them: whole numbers, and ratios rounded to whole percents.

    Args:
        signals: numbers in the attributes of :class:`sessions_app.scoring.score.Signals`.
    """
    # whole() and shown_ratio() inlined: a tick has 60,000 of these values.
    return {
        "chat_msgs_per_min": floor(signals.chat_msgs_per_min + 0.5),
        "poll_participation": floor(signals.poll_participation * 100 + 0.5) / 100,
        "active_users": floor(signals.active_users + 0.5),
        "total_users": floor(signals.total_users + 0.5),
        "reactions_per_min": floor(signals.reactions_per_min + 0.5),
        "user_leave_rate": floor(signals.user_leave_rate * 100 + 0.5) / 100,
    }
