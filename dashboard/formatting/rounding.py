"""How many digits of a figure are shown: pages and their updates are rounded here only.

Halves go up. Scripts write the rounded figures with the digits and separators of the viewer's
language, and round only what they compute themselves.
"""

from math import floor
from typing import Any

# Of a score on a chart, from 0 to 1: finer than any screen shows it.
CHART_STEPS = 10_000


def whole(number: float) -> int:
    """The nearest whole number."""
    return floor(number + 0.5)


def tenths(number: float) -> float:
    """The nearest tenth; of two, the one that is further from zero."""
    size = floor(abs(number) * 10 + 0.5) / 10
    return -size if number < 0 and size else size


def whole_percent(ratio: float) -> int:
    """A ratio as the nearest whole number of percent."""
    return floor(ratio * 100 + 0.5)


def shown_ratio(ratio: float) -> float:
    """A ratio that is a whole number of percent."""
    return floor(ratio * 100 + 0.5) / 100


def chart_score(score: float) -> float:
    """A score as charts draw it."""
    return floor(score * CHART_STEPS + 0.5) / CHART_STEPS


def shown_signals(signals: Any) -> dict[str, float]:
    """Signals as pages show them: whole numbers, and ratios that are whole percents.

    Args:
        signals: with the attributes of :class:`sessions_app.scoring.score.Signals`, as numbers.
    """
    # As whole() and shown_ratio() have it, without a call for each: a tick has 60,000 of them.
    return {
        "chat_msgs_per_min": floor(signals.chat_msgs_per_min + 0.5),
        "poll_participation": floor(signals.poll_participation * 100 + 0.5) / 100,
        "active_users": floor(signals.active_users + 0.5),
        "total_users": floor(signals.total_users + 0.5),
        "reactions_per_min": floor(signals.reactions_per_min + 0.5),
        "user_leave_rate": floor(signals.user_leave_rate * 100 + 0.5) / 100,
    }
