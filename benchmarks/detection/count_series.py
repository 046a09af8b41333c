"""Writes a made-up corpus of counts per five minutes, laid out as the Numenta Anomaly Benchmark.

    python -m benchmarks.detection.count_series OUT [SEED]
    python manage.py evaluate_nab OUT

Each series has a daily and a weekly pattern, a wandering level that at times shifts, over-dispersed
counts, and bursts of very different heights that come in clusters. Labels are few and imperfect, as
people's are: most are on the most striking events, some on lesser ones, and a few of the most
striking have none. Silences, and routine bursts at the same time every day, are never labelled.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY = 288
LENGTH = 15_800
START = datetime(2026, 1, 1)
# Rows before the first event that may be labelled, and the labels of a series, at least and below.
LEAD = 760
LABELS = (2, 5)

Random = np.random.Generator
Rate = NDArray[np.float64]


class Kind(NamedTuple):
    """What sets one group of series apart.

    Attributes:
        days_between: range of the mean time between clusters of bursts.
        tail: range of the Pareto exponent of their heights; lower is heavier.
        highest: no burst is higher, in multiples of the level.
        giants: mean number of bursts of 30 to 300 times the level.
        shifts: mean number of level shifts.
        routine: share of series with a burst at the same time every working day.
        error: of judging how striking an event is.
        lesser: share of labels that go to any event instead of the most striking.
    """

    days_between: tuple[float, float] = (0.6, 2.5)
    tail: tuple[float, float] = (1.1, 2.2)
    highest: float = 30
    giants: float = 0.5
    shifts: float = 2
    routine: float = 0.25
    error: float = 0.25
    lesser: float = 0.1


GROUPS = {
    "plain": Kind(),
    "busy": Kind(days_between=(0.25, 0.8)),
    "low": Kind(highest=6, giants=0),
    "heavy": Kind(tail=(0.8, 1.5), giants=2),
    "shifting": Kind(shifts=6, routine=0.5),
}


class Event(NamedTuple):
    """Something that may be labelled.

    Attributes:
        striking: how much so, the largest addition in multiples of what is usual.
        row: its first.
    """

    striking: float
    row: int


def wandering(random: Random, memory: float, spread: float) -> Rate:
    """A first-order autoregressive series of that spread."""
    keep = np.exp(-1 / memory)
    steps = random.normal(size=LENGTH) * spread * np.sqrt(1 - keep**2)
    level, found = random.normal() * spread, np.empty(LENGTH)
    for index, step in enumerate(steps):
        level = keep * level + step
        found[index] = level
    return found


def usual_rate(random: Random) -> Rate:
    """The expected count at each time without events: 5 to 100 in the middle of the range."""
    time = np.arange(LENGTH)
    angle = 2 * np.pi * (time / DAY + random.uniform())
    swing = random.uniform(0.3, 1.2)
    rate = random.uniform(np.log(5), np.log(100)) + swing * np.cos(angle)
    rate += swing * random.uniform(0, 0.5) * np.cos(2 * angle + random.uniform(0, 6))
    rate -= _is_weekend(random) * random.uniform(0, 0.9)
    for memory, low, high in ((6, 0.1, 0.4), (60, 0.1, 0.3), (900, 0.1, 0.4)):
        rate += wandering(random, memory, random.uniform(low, high))
    return np.exp(rate)


def _is_weekend(random: Random) -> NDArray[np.bool_]:
    return (np.arange(LENGTH) // DAY + random.integers(7)) % 7 >= 5


def add_bursts(random: Random, kind: Kind, rate: Rate) -> list[Event]:
    """Adds clusters of bursts, and giants, to the rate."""
    events = []
    level = float(np.median(rate))
    between = random.uniform(*kind.days_between) * DAY
    tail = random.uniform(*kind.tail)
    # What a burst is compared to: between the level of the series and that of its time.
    local = random.uniform(0, 0.6)
    usual = level ** (1 - local) * rate**local
    row = random.exponential(between)
    while row < LENGTH - 20:
        height = min(random.pareto(tail) + 1, kind.highest) * random.uniform(1.2, 2.4)
        events.append(_add_burst(random, rate, int(row), height, usual))
        # One burst in three is followed by another within hours.
        row += 1 + random.exponential(20 if random.uniform() < 1 / 3 else between)
    for _ in range(random.poisson(kind.giants)):
        height = 30 * 10 ** random.uniform()
        events.append(_add_burst(random, rate, int(random.integers(LENGTH - 20)), height, usual))
    return events


def _add_burst(random: Random, rate: Rate, row: int, height: float, usual: Rate) -> Event:
    """A burst that rises at once, or over a few rows, and dies away."""
    lasting = max(0.5, random.lognormal(1.0, 1.1))
    rising = int(random.integers(0, 5)) if random.uniform() < 0.4 else 0
    length = min(rising + int(6 * lasting) + 1, LENGTH - row)
    since = np.arange(length) - rising
    shape = np.where(since < 0, (since + rising + 1) / (rising + 1), np.exp(-since / lasting))
    rows = slice(row, row + length)
    added = height * shape * np.maximum(rate[rows], usual[rows] / 2)
    rate[rows] += added
    return Event(float((added / usual[rows]).max()) * (1 + 0.3 * np.log1p(lasting)), row)


def add_shifts(random: Random, kind: Kind, rate: Rate) -> list[Event]:
    """Multiplies the rate for hours to days; it comes back at once, or gradually."""
    events = []
    for _ in range(random.poisson(kind.shifts)):
        row = int(random.integers(LENGTH - DAY))
        length = min(int(random.uniform(0.2, 5) * DAY), LENGTH - row)
        factor = np.exp(random.uniform(0.4, 1.3))
        share = np.linspace(1, 0, length) if random.uniform() < 0.5 else np.ones(length)
        rate[row : row + length] *= factor**share
        events.append(Event(float(factor) * 1.5, row))
    return events


def add_routine(random: Random, rate: Rate) -> None:
    """Multiplies the rate for a few rows at about the same time of every working day."""
    rows = np.flatnonzero(np.arange(LENGTH) % DAY == random.integers(DAY))
    rows = rows[~_is_weekend(random)[rows]]
    for row in rows:
        first = max(0, row + int(random.normal() * 1.5))
        rate[first : first + random.integers(1, 5)] *= random.lognormal(1.0, 0.4)


def add_silences(random: Random, rate: Rate) -> None:
    for _ in range(random.poisson(1.5)):
        row = random.integers(LENGTH)
        rate[row : row + random.integers(2, 30)] *= random.choice([0, 0.2])


def labelled_rows(random: Random, kind: Kind, events: list[Event]) -> tuple[list[int], int]:
    """The rows that are labelled, and half the width of the windows around them.

    Windows are a tenth of the series in all, and do not meet.
    """
    labels = int(random.integers(*LABELS))
    half = LENGTH // 10 // labels // 2
    rows: list[int] = []
    judged = sorted((-striking * random.lognormal(0, kind.error), row) for striking, row in events)
    judged = [(striking, row) for striking, row in judged if LEAD + half < row < LENGTH - half - 1]
    while judged and len(rows) < labels:
        # Any event of the upper half, in place of the most striking.
        is_lesser = random.uniform() < kind.lesser
        _, row = judged.pop(int(random.integers(1 + len(judged) // 2)) if is_lesser else 0)
        if all(abs(row - other) > 2 * half + 5 for other in rows):
            rows.append(row)
    return rows, half


def make_series(random: Random, kind: Kind) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Counts, and the first and last row of each window."""
    rate = usual_rate(random)
    events = add_shifts(random, kind, rate) + add_bursts(random, kind, rate)
    if random.uniform() < kind.routine:
        add_routine(random, rate)
    add_silences(random, rate)
    rows, half = labelled_rows(random, kind, events)
    dispersion = random.uniform(2, 12)
    counts = random.negative_binomial(dispersion, dispersion / (dispersion + rate))
    return counts, sorted((row - half, row + half) for row in rows)


def write_corpus(folder: Path, seed: int = 7, series_per_group: int = 12) -> None:
    """Writes ``data/<group>/<number>.csv`` and ``labels/combined_windows.json``."""
    times = [str(START + timedelta(minutes=5 * row)) for row in range(LENGTH)]
    labels = {}
    for group_number, (group, kind) in enumerate(GROUPS.items()):
        (folder / "data" / group).mkdir(parents=True, exist_ok=True)
        for number in range(series_per_group):
            counts, windows = make_series(np.random.default_rng([seed, group_number, number]), kind)
            rows = [f"{time},{count}" for time, count in zip(times, counts, strict=True)]
            name = f"{group}/{number:02d}.csv"
            (folder / "data" / name).write_text("\n".join(["timestamp,value", *rows, ""]))
            labels[name] = [[times[first], times[last]] for first, last in windows]
    (folder / "labels").mkdir(exist_ok=True)
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels, indent=1))


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]), *map(int, sys.argv[2:]))
