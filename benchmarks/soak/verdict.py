"""The verdict on a run: a check of every promise, with its findings."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sessions_app.ticks import TICK_SECONDS

LATE_SECONDS = float(TICK_SECONDS)
# A trend over less time says nothing about an hour.
JUDGED_MINUTES = 10.0
GROWTH_SHARE = 0.1
GROWTH_BYTES = 32 * 2**20
MEBIBYTE = 2**20


class Check(NamedTuple):
    """One promise: whether it was kept (None if undecided), and what was found."""

    name: str
    kept: bool | None
    found: str


def hourly_growth(seconds: Sequence[float], values: Sequence[float]) -> float:
    """Growth of ``values`` per hour, extrapolated from the trend of their second half.

    The trend is the median slope of all pairs (Theil-Sen), which is robust to single peaks.
    """
    times, sizes = (np.asarray(column, float)[len(seconds) // 2 :] for column in (seconds, values))
    first, second = np.triu_indices(len(times), k=1)
    if not len(first):
        return 0.0
    return float(np.median((sizes[second] - sizes[first]) / (times[second] - times[first]))) * 3600


def ticks_on_time(delays: Mapping[int, float]) -> Check:
    """Whether every tick was scored before the end of the next one."""
    late = {tick: delay for tick, delay in delays.items() if delay > LATE_SECONDS}
    found = f"{len(delays)} ticks, {_quantiles(list(delays.values()))}, {len(late)} late"
    return Check("No tick is late by more than one", bool(delays) and not late, found)


def screens_current(delays: Mapping[int, float], problem: str) -> Check:
    """Whether every screen showed every tick before the end of the next one."""
    kept = bool(delays) and not problem and max(delays.values()) <= LATE_SECONDS
    found = problem or f"{len(delays)} ticks, {_quantiles(list(delays.values()))}"
    return Check("Every screen shows every tick", kept, found)


def memory_flat(name: str, seconds: Sequence[float], values: Sequence[float]) -> Check:
    """Whether memory grows by at most a tenth, or at most 32 MiB, per hour."""
    growth = hourly_growth(seconds, values)
    bound = max(GROWTH_BYTES, GROWTH_SHARE * values[-1])
    long_enough = seconds[-1] >= JUDGED_MINUTES * 60
    found = (
        f"{values[-1] / MEBIBYTE:,.0f} MiB, {growth / MEBIBYTE:+,.1f} MiB per hour"
        f" (bound {bound / MEBIBYTE:,.0f})"
    )
    return Check(f"Flat memory: {name}", growth <= bound if long_enough else None, found)


def report(checks: Sequence[Check]) -> str:
    """One line per check."""
    words = {True: "ok    ", False: "FAILED", None: "n/a   "}
    return "\n".join(f"{words[check.kept]}  {check.name}: {check.found}" for check in checks)


def as_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks for the results file."""
    return [check._asdict() for check in checks]


def _quantiles(delays: list[float]) -> str:
    if not delays:
        return "none"
    half, most, last = np.quantile(delays, [0.5, 0.95, 1.0])
    return f"after {half:.2f} s (median), {most:.2f} s (95 %), {last:.2f} s (worst)"
