"""Compares the database after a run with what was posted."""

from datetime import datetime

import numpy as np
from django.db.models import Count, Max, Min, Sum
from numpy.typing import NDArray

from benchmarks.soak.rooms import COUNTED, session_name
from benchmarks.soak.verdict import Check
from sessions_app.models import EngagementMetric
from sessions_app.ticks import tick_ending


def counts_exact(totals: NDArray[np.int64]) -> Check:
    """Whether every session has counted what was posted, kind by kind."""
    sums = {f"{what}_sum": Sum(f"{what}_count") for what in COUNTED}
    rows = EngagementMetric.objects.values("session__external_id").annotate(**sums)
    stored = {row["session__external_id"]: [row[f"{what}_sum"] for what in COUNTED] for row in rows}
    nothing = [0] * len(COUNTED)
    counted = np.array([stored.get(session_name(n), nothing) for n in range(len(totals))])
    wrong = (counted != totals).any(axis=1).sum()
    parts = (
        f"{what} {found:,} of {posted:,}"
        for what, found, posted in zip(
            COUNTED, counted.sum(axis=0).tolist(), totals.sum(axis=0).tolist(), strict=True
        )
    )
    found = f"{', '.join(parts)}; {wrong} of {len(totals):,} sessions wrong"
    return Check("Totals are exact", not wrong and len(stored) == len(totals), found)


def ticks_whole(sessions: int, last_tick: int) -> Check:
    """Whether every session has one row per tick, from its first to at least ``last_tick``."""
    rows = EngagementMetric.objects.values("session_id").annotate(
        first=Min("time"), last=Max("time"), count=Count("time")
    )
    spans = [(_length(row["first"], row["last"]), row["count"], row["last"]) for row in rows]
    missing = sum(length - count for length, count, _ in spans)
    short = sum(tick_ending(last) < last_tick for *_, last in spans)
    total = sum(count for _, count, _ in spans)
    found = f"{total:,} rows of {len(spans):,} sessions, {missing} missing, {short} end too early"
    return Check("No tick is missing", not missing and not short and len(spans) == sessions, found)


def _length(first: datetime, last: datetime) -> int:
    return tick_ending(last) - tick_ending(first) + 1
