"""How sessions stand side by side on the overview: their order, and what a glance should catch.

The same as in static/js/wall.js. Scores are whole percents here, one per tick, oldest first, with
None where there is no score; the last is the newest.
"""

from collections.abc import Iterable, Sequence
from typing import Any

SPARKLINE_POINTS = 60
# A change by less within a minute is noise.
NOTABLE_PERCENT = 5
COMPARED = 3
MINUTE = 12

SEVERITIES = ("CRITICAL", "WARNING")

Scores = Sequence[int | None]


def trend(scores: Scores) -> str | None:
    """Where the score has gone within a minute: RISING, STEADY or FALLING; or None, if unknown."""
    now = _mean(scores[-COMPARED:])
    before = _mean(scores[-COMPARED - MINUTE : -MINUTE])
    if now is None or before is None:
        return None
    if abs(now - before) < NOTABLE_PERCENT:
        return "STEADY"
    return "RISING" if now > before else "FALLING"


def _mean(scores: Scores) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def curve(scores: Scores) -> str:
    """The SVG path of the scores in a box of a unit per tick and 100 high, to its right edge."""
    return "".join(f"M{'L'.join(run)}" for run in _runs(scores))


def area(scores: Scores) -> str:
    """The SVG path of what lies below :func:`curve`."""
    return "".join(
        f"M{_bottom(run[0])}L{'L'.join(run)}L{_bottom(run[-1])}Z" for run in _runs(scores)
    )


def _runs(scores: Scores) -> list[list[str]]:
    """The places of the scores, from hole to hole."""
    runs: list[list[str]] = [[]]
    for number, score in enumerate(scores, SPARKLINE_POINTS - len(scores)):
        if score is not None:
            runs[-1].append(f"{number} {100 - score}")
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _bottom(place: str) -> str:
    return f"{place.split()[0]} 100"


def in_wall_order(cards: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sessions in trouble first, the worst before all; otherwise as they come."""
    return sorted(cards, key=_trouble)


def _trouble(card: dict[str, Any]) -> int:
    anomaly = card["anomaly"]
    return SEVERITIES.index(anomaly["severity"]) if anomaly else len(SEVERITIES)


def is_wanted(card: dict[str, Any], event: int | None, words: str) -> bool:
    """Whether a card is one of the event (a key; None for all) and holds all of the words."""
    text = f"{card['title']} {card['event_title']}".lower()
    return event in (None, card["event"]) and all(word in text for word in words.lower().split())
