"""Writes a made-up corpus of counts per five minutes, laid out as the Numenta Anomaly Benchmark.

    python -m benchmarks.count_series OUT
    python manage.py evaluate_nab OUT

Each series has a daily and a weekly pattern, wandering levels, over-dispersed counts and bursts of
very different heights. Two to four of the most striking are labelled; what is striking is judged
with some error, as people do, so that unlabelled bursts may be higher than labelled ones.
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


class Kind(NamedTuple):
    """What sets one group of series apart.

    Attributes:
        days_between: range of the mean time between bursts.
        tail: range of the Pareto exponent of their heights; lower is heavier.
        highest: no burst is higher, in multiples of the level.
        error: of judging how striking a burst is.
        sustained: share of series where hours of raised level are labelled too.
    """

    days_between: tuple[float, float] = (0.7, 3)
    tail: tuple[float, float] = (1.1, 2.2)
    highest: float = np.inf
    error: float = 0.35
    sustained: float = 0.35


GROUPS = {
    "plain": Kind(),
    "busy": Kind(days_between=(0.3, 1)),
    "low": Kind(highest=6),
    "heavy": Kind(tail=(0.8, 1.5), error=0.2, sustained=0.15),
}


def wandering(random: np.random.Generator, memory: float, spread: float) -> NDArray[np.float64]:
    """A first-order autoregressive series of that spread."""
    keep = np.exp(-1 / memory)
    steps = random.normal(size=LENGTH) * spread * np.sqrt(1 - keep**2)
    level, found = random.normal() * spread, np.empty(LENGTH)
    for index, step in enumerate(steps):
        level = keep * level + step
        found[index] = level
    return found


def usual_rate(random: np.random.Generator) -> NDArray[np.float64]:
    """The expected count at each time, without bursts."""
    time = np.arange(LENGTH)
    angle = 2 * np.pi * (time / DAY + random.uniform())
    swing = random.uniform(0.4, 1.2)
    rate = np.log(np.exp(random.uniform(np.log(2), np.log(80)))) + swing * np.cos(angle)
    rate += swing * random.uniform(0, 0.5) * np.cos(2 * angle + random.uniform(0, 6))
    rate -= ((time // DAY + random.integers(7)) % 7 >= 5) * random.uniform(0, 0.8)
    rate += wandering(random, 400, random.uniform(0.1, 0.4))
    return np.exp(rate + wandering(random, 8, random.uniform(0.1, 0.35)))


def add_bursts(
    random: np.random.Generator, kind: Kind, rate: NDArray[np.float64]
) -> list[tuple[float, int]]:
    """Adds bursts to the rate; returns how striking each is, and its row."""
    bursts = []
    between = random.uniform(*kind.days_between) * DAY
    tail, level = random.uniform(*kind.tail), np.median(rate)
    row = random.exponential(between)
    while row < LENGTH - 20:
        first = int(row)
        height = min(random.pareto(tail) + 1, kind.highest) * random.uniform(1.2, 2.4)
        lasting = max(1.0, random.lognormal(1.3, 0.9))
        shape = np.exp(-np.arange(min(int(6 * lasting) + 1, LENGTH - first)) / lasting)
        added = height * shape * np.maximum(rate[first : first + len(shape)], level / 2)
        rate[first : first + len(shape)] += added
        striking = added.max() * (1 + 0.3 * np.log(lasting)) * random.lognormal(0, kind.error)
        bursts.append((striking, first))
        row += 1 + random.exponential(between)
    return bursts


def make_series(
    random: np.random.Generator, kind: Kind
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Counts, and the windows around the labelled rows, a tenth of the series in all."""
    rate = usual_rate(random)
    bursts = add_bursts(random, kind, rate)
    labels = int(random.integers(2, 5))
    half = LENGTH // 10 // labels // 2
    rows: list[int] = []
    if random.uniform() < kind.sustained:
        rows.append(int(random.uniform(0.25, 0.9) * LENGTH))
        rate[rows[0] : rows[0] + random.integers(40, 140)] *= random.uniform(2, 4)
    for _, row in sorted(bursts, reverse=True):
        is_free = all(abs(row - other) > 2 * half + 5 for other in rows)
        if len(rows) < labels and is_free and 760 + half < row < LENGTH - half - 1:
            rows.append(row)
    dispersion = random.uniform(2, 12)
    counts = random.negative_binomial(dispersion, dispersion / (dispersion + rate))
    return counts, sorted((row - half, row + half) for row in rows)


def write_corpus(folder: Path, seed: int = 7, series_per_group: int = 15) -> None:
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
    write_corpus(Path(sys.argv[1]))
