"""How unusual a value is among past sessions: tables of tail probabilities by audience size.

A forest's score is not a probability: in a noisy room it is near 0.95 all the time. Everything the
detector weighs is therefore turned into a surprise first, ``-log10(p)`` with ``p`` the share of
quiet ticks of past sessions whose value was at least as high.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

VERSION = 1
# The shares of quiet ticks that the knots of a table stand for.
TAIL_PROBABILITIES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.0025, 0.001)
SURPRISES = -np.log10(np.array(TAIL_PROBABILITIES))
# Presence from which the next table applies.
AUDIENCE_SIZES = (16.0, 40.0, 100.0, 400.0)
LARGEST_SURPRISE = 12.0
BUILT_IN = Path(__file__).parent / "calibrations" / "built_in.json"


class CalibrationError(ValueError):
    """A calibration that cannot be read; the message says which and why."""


class CalibrationFile(msgspec.Struct, forbid_unknown_fields=True):
    """A calibration as it is stored.

    Attributes:
        version: of this format.
        name: what it is called.
        made_from: what it was fitted on, in words.
        ticks: how many quiet ticks that were.
        features: of shape (features, sizes, knots).
        forest, deviation, combined: of shape (sizes, knots).
        prior: scaled points of quiet ticks, of shape (sizes, window, features).
    """

    version: int
    name: str
    made_from: str
    ticks: int
    features: list[list[list[float]]]
    forest: list[list[float]]
    deviation: list[list[float]]
    combined: list[list[float]]
    prior: list[list[list[float]]]


class _Line(NamedTuple):
    """The knots of all tables and size classes one after the other: one interpolation serves all.

    Attributes:
        limits: the lowest and the highest knot of each table and class, and how far they are
            moved to their place; of shape (3, tables, classes).
        knots: increasing, in their places.
        surprises: at the knots.
    """

    limits: NDArray[np.float64]
    knots: NDArray[np.float64]
    surprises: NDArray[np.float64]


@dataclass(frozen=True)
class TailTable:
    """Tail probabilities of one quantity.

    Attributes:
        knots: of shape (audience sizes, knots), increasing along the last axis: the values that
            the shares :data:`TAIL_PROBABILITIES` of quiet ticks reach.
    """

    knots: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(AUDIENCE_SIZES) + 1, len(TAIL_PROBABILITIES))
        if self.knots.shape != expected:
            raise CalibrationError(f"a table of shape {self.knots.shape}, not {expected}")
        if not (np.isfinite(self.knots).all() and (np.diff(self.knots, axis=1) > 0).all()):
            raise CalibrationError("the knots of a table must increase")

    @classmethod
    def fitted(cls, values: Floats, sizes: NDArray[np.intp]) -> Self:
        """The table of quiet ticks' values; ``sizes`` is the audience size class of each."""
        classes = range(len(AUDIENCE_SIZES) + 1)
        every = _quantiles(values)
        rows = [
            _quantiles(values[sizes == size])
            if np.count_nonzero(sizes == size) >= 10 / TAIL_PROBABILITIES[-1]
            else every
            for size in classes
        ]
        return cls(np.array([_increasing(row) for row in rows]))

    def surprise(self, values: Floats, sizes: "SizeClasses") -> Floats:
        """The surprise at each value; see :func:`surprises`."""
        found: Floats = surprises(TableRow((self,)), values[None], sizes)[0]
        return found


class TableRow(tuple[TailTable, ...]):
    """Tables that are looked up together."""

    @cached_property
    def line(self) -> _Line:
        knots = np.array([table.knots for table in self])
        width = (knots[..., -1] - knots[..., -3]) / (SURPRISES[-1] - SURPRISES[-3])
        beyond = knots[..., -1] + width * (LARGEST_SURPRISE - SURPRISES[-1])
        extended = np.concatenate([knots, beyond[..., None]], axis=2)
        lowest = extended[..., 0]
        widths = beyond - lowest + 1.0
        starts = (np.cumsum(widths) - widths.ravel()).reshape(widths.shape)
        moved = starts - lowest
        heights = np.tile(np.append(SURPRISES, LARGEST_SURPRISE), lowest.size)
        limits = np.array([lowest, beyond, moved])
        return _Line(limits, (extended + moved[..., None]).ravel(), heights)


def surprises(tables: TableRow, values: Floats, sizes: "SizeClasses") -> Floats:
    """``-log10`` of the tail probability of each value, 0 to :data:`LARGEST_SURPRISE`.

    Between knots it is interpolated, beyond the last one it goes on as steeply as over the last
    three knots.

    Args:
        tables: one for each row of values.
        values: of shape (tables, sessions).
        sizes: of each session.
    """
    line = tables.line
    lowest, highest, moved = line.limits.take(sizes.classes, axis=2)
    places = np.maximum(values, lowest, out=lowest)
    np.minimum(places, highest, out=places)
    places += moved
    found: Floats = np.interp(places, line.knots, line.surprises).astype(np.float32)
    return found


def _quantiles(values: Floats) -> NDArray[np.float64]:
    shares = 1 - np.array(TAIL_PROBABILITIES)
    return np.asarray(np.quantile(values, shares), np.float64)


def _increasing(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The row with equal neighbours set apart, so that the highest share stands for them."""
    apart = 1e-4 * max(1.0, float(np.abs(row).max()))
    steps = np.arange(len(row)) * apart
    apart_row: NDArray[np.float64] = np.maximum.accumulate(row - steps) + steps
    return apart_row


class SizeClasses(NamedTuple):
    """Which audience size class each session is in."""

    classes: NDArray[np.intp]

    @classmethod
    def of(cls, presence: Floats) -> Self:
        """The classes of sessions with this usual number of active users."""
        return cls(np.searchsorted(AUDIENCE_SIZES, presence, side="right"))


@dataclass(frozen=True)
class Calibration:
    """All tables of the detector, and what a quiet session looks like.

    Attributes:
        features: one table per feature of the forest.
        forest: of the forest's score.
        deviation: of the z-score.
        combined: of 0.7 x the forest's surprise + 0.3 x that of the z-score.
        prior: points of quiet ticks, of shape (sizes, window, features), that stand in for a
            session's own past until it has one.
    """

    name: str
    made_from: str
    ticks: int
    features: tuple[TailTable, ...]
    forest: TailTable
    deviation: TailTable
    combined: TailTable
    prior: Floats

    @cached_property
    def of_features(self) -> TableRow:
        """The features' tables, to look up all of them."""
        return TableRow(self.features)

    @cached_property
    def of_parts(self) -> TableRow:
        """The tables of the forest and of the z-score."""
        return TableRow((self.forest, self.deviation))

    @cached_property
    def of_combination(self) -> TableRow:
        """The table of both together."""
        return TableRow((self.combined,))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The calibration in a file.

        Raises:
            CalibrationError: no file, or no calibration of this version.
        """
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=CalibrationFile)
        except OSError as error:
            raise CalibrationError(f"{path}: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise CalibrationError(f"{path}: no calibration: {error}") from error
        try:
            return cls.from_stored(stored)
        except ValueError as error:
            raise CalibrationError(f"{path}: {error}") from error

    @classmethod
    def from_stored(cls, stored: CalibrationFile) -> Self:
        """The calibration of what was stored.

        Raises:
            CalibrationError: another version, or impossible tables.
        """
        if stored.version != VERSION:
            raise CalibrationError(f"version {stored.version}, not {VERSION}")
        return cls(
            stored.name,
            stored.made_from,
            stored.ticks,
            tuple(TailTable(np.array(table)) for table in stored.features),
            TailTable(np.array(stored.forest)),
            TailTable(np.array(stored.deviation)),
            TailTable(np.array(stored.combined)),
            np.array(stored.prior, np.float32),
        )

    def to_stored(self) -> CalibrationFile:
        """The calibration as it is stored, rounded to what matters."""
        return CalibrationFile(
            VERSION,
            self.name,
            self.made_from,
            self.ticks,
            [table.knots.round(5).tolist() for table in self.features],
            self.forest.knots.round(6).tolist(),
            self.deviation.knots.round(5).tolist(),
            self.combined.knots.round(5).tolist(),
            self.prior.astype(np.float64).round(4).tolist(),
        )


def write_calibration(calibration: Calibration, path: Path) -> Path:
    """Writes a calibration that :meth:`Calibration.read` reads; returns where.

    Raises:
        CalibrationError: the file cannot be written.
    """
    data = msgspec.json.format(msgspec.json.encode(calibration.to_stored()), indent=1)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        # Whoever reads it meanwhile has the old one or the new one.
        unfinished.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from error
    return path


# Surprise at which a tick is worth a warning, and is critical: 1 and 0.25 % of quiet ticks.
WARNING_SURPRISE, CRITICAL_SURPRISE = 2.0, -np.log10(0.0025)
_SCORE_KNOTS = (0.0, WARNING_SURPRISE, CRITICAL_SURPRISE, 4.0, LARGEST_SURPRISE)
_SCORES = (0.0, 0.6, 0.8, 0.95, 1.0)


def anomaly_score(surprise: Floats) -> Floats:
    """A surprise as a score in [0, 1]: 0.6 at one quiet tick in a hundred, 0.8 at one in 400."""
    return np.interp(surprise, _SCORE_KNOTS, _SCORES).astype(np.float32)
