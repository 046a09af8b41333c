"""The Numenta Anomaly Benchmark: its corpus, and its way of scoring detectors.

A series has windows, each around one labelled anomaly. A detection anywhere in a window finds it,
the earlier the better; further ones in it count nothing. Every detection outside costs, less
shortly after a window. What a detection is decides one threshold for the whole corpus, the best.

Source: A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark", ICMLA 2015, and the scoring code of https://github.com/numenta/NAB, version 1.1.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

DATA = "data"
WINDOWS = Path("labels") / "combined_windows.json"
# Detectors may learn in this share of a series, of at most so many rows; it is not scored.
PROBATION_SHARE = 0.15
PROBATION_ROWS = 5000
# Window widths past a window's end where a false detection begins to cost its full price.
FAR_BEHIND = 3.0
OUTSIDE, PROBATION = -1, -2


class CorpusError(ValueError):
    """A folder that is not laid out as the benchmark is."""


class Profile(NamedTuple):
    """What an application gains by a detection, and loses by a false or a missed one."""

    name: str
    found: float
    false: float
    missed: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
REWARD_LOW_FP = Profile("reward low FP", 1.0, 0.22, 1.0)
REWARD_LOW_FN = Profile("reward low FN", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, REWARD_LOW_FP, REWARD_LOW_FN)


class Window(NamedTuple):
    """The first and the last row of a labelled window."""

    first: int
    last: int

    @property
    def width(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Series:
    """One file of the corpus.

    Attributes:
        name: its path below the data folder, ``group/file.csv``.
        timestamps: as the file spells them.
        values: one per timestamp.
        windows: in order of time.
    """

    name: str
    timestamps: Sequence[str]
    values: NDArray[np.float64]
    windows: Sequence[Window]

    @property
    def group(self) -> str:
        return self.name.rpartition("/")[0]


def read_corpus(folder: Path) -> list[Series]:
    """The labelled series of a folder, by name.

    Series that have windows but no file are left out, as one may score a part of the corpus.

    Raises:
        CorpusError: with the file and the line, where there is one.
    """
    labels = _read_labels(folder / WINDOWS)
    files = sorted((folder / DATA).glob("*/*.csv"))
    if not files:
        raise CorpusError(f"{folder / DATA}: no series there (expected <group>/<series>.csv)")
    corpus = []
    for path in files:
        name = path.relative_to(folder / DATA).as_posix()
        if name not in labels:
            raise CorpusError(f"{folder / WINDOWS}: says nothing of {name}")
        corpus.append(_read_series(path, name, labels[name]))
    return corpus


def _read_labels(path: Path) -> Mapping[str, Any]:
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CorpusError(f"{path}: not JSON: {error}") from error
    if not isinstance(labels, dict):
        raise CorpusError(f"{path}: not an object of series and their windows")
    return labels


def _read_series(path: Path, name: str, limits: Any) -> Series:
    timestamps, values = [], []
    for timestamp, value in _rows(path):
        timestamps.append(timestamp)
        values.append(value)
    if not values:
        raise CorpusError(f"{path}: no rows")
    times = np.array([_time(path, timestamp) for timestamp in timestamps], "datetime64[us]")
    windows = _windows(path, name, times, limits)
    return Series(name, tuple(timestamps), np.array(values, np.float64), windows)


def _rows(path: Path) -> Iterator[tuple[str, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = {"timestamp", "value"} - set(rows.fieldnames or ())
        if missing:
            raise CorpusError(f"{path}: no column {' and '.join(sorted(missing))}")
        for row in rows:
            yield row["timestamp"], _number(row["value"], f"{path}, line {rows.line_num}")


def _number(text: str | None, place: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise CorpusError(f"{place}: {text!r} is not a number")
    return number


def _time(path: Path, text: Any) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise CorpusError(f"{path}: {text!r} is not a time") from error


def _windows(path: Path, name: str, times: NDArray[Any], limits: Any) -> tuple[Window, ...]:
    windows = []
    for pair in limits if isinstance(limits, list) else [limits]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise CorpusError(f"{name}: {pair!r} is not a window of two times")
        start, end = (np.datetime64(_time(path, limit), "us") for limit in pair)
        rows = np.flatnonzero((times >= start) & (times <= end))
        if not len(rows):
            raise CorpusError(f"{name}: no row lies in the window from {pair[0]} to {pair[1]}")
        windows.append(Window(int(rows[0]), int(rows[-1])))
    windows.sort()
    for before, after in pairwise(windows):
        if after.first <= before.last:
            raise CorpusError(f"{name}: windows overlap at row {after.first}")
    return tuple(windows)


def probation(rows: int) -> int:
    """How many rows at the beginning of a series are not scored."""
    return math.floor(PROBATION_SHARE * min(rows, PROBATION_ROWS))


def scaled_sigmoid(position: Scores) -> Scores:
    """What a detection is worth by where it lies relative to a window.

    Args:
        position: -1 at a window's beginning, 0 behind its end, in widths of the window.

    Returns:
        0.987 at -1, 0 at 0, and -1 from 3 on.
    """
    near = 2 / (1 + np.exp(5 * np.minimum(position, FAR_BEHIND))) - 1
    return np.where(position >= FAR_BEHIND, -1.0, near)


class Worth(NamedTuple):
    """What a detection at each row of a series would count.

    Attributes:
        value: of a row in a window, how much of a detection; of any other, how much of a false one,
            negative.
        window: the number of the row's window, or ``OUTSIDE`` or ``PROBATION``.
    """

    value: Scores
    window: NDArray[np.intp]


def worth(rows: int, windows: Sequence[Window]) -> Worth:
    """What a detection at each of ``rows`` rows would count, before a profile weighs it."""
    value, window = np.full(rows, -1.0), np.full(rows, OUTSIDE, np.intp)
    row = np.arange(rows, dtype=np.float64)
    best = float(scaled_sigmoid(np.array(-1.0)))
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        inside, behind = slice(first, last + 1), slice(last + 1, None)
        value[inside] = scaled_sigmoid((row[inside] - last - 1) / width) / best
        value[behind] = scaled_sigmoid((row[behind] - last) / max(width - 1, 1e-9))
        window[inside] = number
    window[: probation(rows)] = PROBATION
    return Worth(value, window)


class Count(NamedTuple):
    """How a detector did.

    Attributes:
        score: in the profile's own units.
        windows: labelled anomalies.
        found: those with a detection.
        false: detections outside windows.
    """

    score: float
    windows: int
    found: int
    false: int

    def normalised(self, profile: Profile) -> float:
        """0 for a detector that never detects, 100 for one that is always right and at once."""
        if not self.windows:
            return math.nan
        nothing = -profile.missed * self.windows
        return 100 * (self.score - nothing) / (profile.found * self.windows - nothing)


def total(counts: Sequence[Count]) -> Count:
    """Several series taken together."""
    return Count(*(sum(column) for column in zip(*counts, strict=True)))


@dataclass(frozen=True)
class Evaluation:
    """A profile's result.

    Attributes:
        profile: how detections were weighed.
        threshold: scores of at least this are detections; infinite if none is best.
        series: counts by the name of the series.
    """

    profile: Profile
    threshold: float
    series: Mapping[str, Count]

    @property
    def groups(self) -> dict[str, Count]:
        members: dict[str, list[Count]] = {}
        for name, count in self.series.items():
            members.setdefault(name.rpartition("/")[0], []).append(count)
        return {group: total(counts) for group, counts in members.items()}

    @property
    def total(self) -> Count:
        return total(list(self.series.values()))

    @property
    def normalised(self) -> float:
        return self.total.normalised(self.profile)


def evaluate(
    corpus: Sequence[Series], scores: Mapping[str, Scores], profile: Profile
) -> Evaluation:
    """Scores a detector at the threshold that suits it best.

    Args:
        corpus: at least one series.
        scores: by name of the series, one score per row; higher is more anomalous.
        profile: how to weigh.

    Raises:
        ValueError: scores that are missing, too few or not numbers.
    """
    worths = {}
    for series in corpus:
        if series.name not in scores:
            raise ValueError(f"{series.name}: no scores")
        found = scores[series.name]
        if len(found) != len(series.values) or np.isnan(found).any():
            raise ValueError(f"{series.name}: not one score for each row")
        worths[series.name] = worth(len(series.values), series.windows)
    threshold = _best_threshold(worths, scores, profile)
    counts = {
        name: count_detections(worths[name], scores[name] >= threshold, profile) for name in worths
    }
    return Evaluation(profile, threshold, counts)


def _best_threshold(
    worths: Mapping[str, Worth], scores: Mapping[str, Scores], profile: Profile
) -> float:
    """The threshold with the highest score; of equals the highest threshold."""
    changes = [_changes(worths[name], scores[name], profile) for name in worths]
    levels = np.concatenate([level for level, _ in changes])
    order = np.argsort(-levels, kind="stable")
    levels = levels[order]
    gains = np.cumsum(np.concatenate([change for _, change in changes])[order])
    is_last = np.append(levels[1:] != levels[:-1], True)[: len(levels)]
    levels, gains = levels[is_last], gains[is_last]
    # Rounding must not make a lower threshold better than an equally good one.
    if not len(gains) or gains.max() <= 1e-9:
        return math.inf
    return float(levels[np.flatnonzero(gains >= gains.max() - 1e-9)[0]])


def _changes(worth: Worth, scores: Scores, profile: Profile) -> tuple[Scores, Scores]:
    """Thresholds, and what the score changes by when the threshold falls to them."""
    outside = worth.window == OUTSIDE
    levels = [scores[outside]]
    changes = [profile.false * worth.value[outside]]
    for number in range(worth.window.max(initial=OUTSIDE) + 1):
        inside = worth.window == number
        order = np.argsort(-scores[inside], kind="stable")
        found = np.maximum.accumulate(profile.found * worth.value[inside][order])
        levels.append(scores[inside][order])
        changes.append(np.diff(found, prepend=-profile.missed))
    return np.concatenate(levels), np.concatenate(changes)


def count_detections(worth: Worth, detected: NDArray[np.bool_], profile: Profile) -> Count:
    """What detections at these rows of a series come to."""
    false = detected & (worth.window == OUTSIDE)
    score = profile.false * float(worth.value[false].sum())
    numbers = np.unique(worth.window[worth.window >= 0])
    found = 0
    for number in numbers:
        hits = worth.value[detected & (worth.window == number)]
        found += bool(len(hits))
        score += profile.found * float(hits.max()) if len(hits) else -profile.missed
    return Count(score, len(numbers), found, int(false.sum()))


def write_scores(folder: Path, series: Series, scores: Scores) -> Path:
    """Writes a series with its scores to ``folder/data/<group>/<series>.csv``."""
    path = folder / DATA / series.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["timestamp", "value", "anomaly_score"])
        for row in zip(series.timestamps, series.values.tolist(), scores.tolist(), strict=True):
            rows.writerow(row)
    return path
