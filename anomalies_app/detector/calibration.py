"""How unusual a value is among past sessions: tables of tail probabilities by audience size.

The score of a forest is not a probability: in a noisy room it is always near 0.95. So everything
that the detector combines is converted into a surprise first: ``-log10(p)``, where ``p`` is the
share of quiet ticks of past sessions whose value was at least as high.
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
# The tail probabilities of the knots of a table.
TAIL_PROBABILITIES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.0025, 0.001)
SURPRISES = -np.log10(np.array(TAIL_PROBABILITIES))
# Levels of presence from which the next size class applies.
AUDIENCE_SIZES = (16.0, 40.0, 100.0, 400.0)
LARGEST_SURPRISE = 12.0
BUILT_IN = Path(__file__).parent / "calibrations" / "built_in.json"


class CalibrationError(ValueError):
    """A calibration cannot be read or written; the message says which one and why."""


class CalibrationFile(msgspec.Struct, forbid_unknown_fields=True):
    """A calibration as it is stored.

    Attributes:
        version: of this format.
        name: of the calibration.
        made_from: what it was fitted on, in words.
        ticks: how many quiet ticks it was fitted on.
        features: knots, of shape (features, sizes, knots).
        forest, deviation, combined: knots, of shape (sizes, knots).
        prior: forest inputs of quiet ticks, of shape (sizes, window, features).
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
    """The knots of all tables and size classes, shifted to lie one after the other.

    So one interpolation serves all of them.

    Attributes:
        limits: the lowest and the highest knot of each table and class, and their shift; of shape
            (3, tables, classes).
        knots: shifted, increasing.
        surprises: at the knots.
    """

    limits: NDArray[np.float64]
    knots: NDArray[np.float64]
    surprises: NDArray[np.float64]


@dataclass(frozen=True)
class TailTable:
    """Tail probabilities of one quantity.

    Attributes:
        knots: of shape (size classes, knots), increasing along the last axis: the values that are
            reached with the probabilities :data:`TAIL_PROBABILITIES` in quiet ticks.
    """

    knots: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(AUDIENCE_SIZES) + 1, len(TAIL_PROBABILITIES))
        if self.knots.shape != expected:
            raise CalibrationError(f"a table of shape {self.knots.shape}, not {expected}")
        if not (np.isfinite(self.knots).all() and (np.diff(self.knots) > 0).all()):
            raise CalibrationError("the knots of a table must increase")

    @classmethod
    def fitted(cls, values: Floats, sizes: NDArray[np.intp]) -> Self:
        """The table of the values of quiet ticks; ``sizes`` is the size class of each.

        A class with too few values takes the quantiles of all of them.
        """
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
        """The surprise of each value; see :func:`surprises`."""
        found: Floats = surprises(TableRow((self,)), values[None], sizes)[0]
        return found


class TableRow(tuple[TailTable, ...]):
    """Tables that are interpolated together."""

    @cached_property
    def line(self) -> _Line:
        knots = np.array([table.knots for table in self])
        width = (knots[..., -1] - knots[..., -3]) / (SURPRISES[-1] - SURPRISES[-3])
        beyond = knots[..., -1] + width * (LARGEST_SURPRISE - SURPRISES[-1])
        extended = np.concatenate([knots, beyond[..., None]], axis=2)
        lowest = extended[..., 0]
        widths = beyond - lowest + 1.0
        starts = (np.cumsum(widths) - widths.ravel()).reshape(widths.shape)
        shifts = starts - lowest
        heights = np.tile(np.append(SURPRISES, LARGEST_SURPRISE), lowest.size)
        limits = np.array([lowest, beyond, shifts])
        return _Line(limits, (extended + shifts[..., None]).ravel(), heights)


def surprises(tables: TableRow, values: Floats, sizes: "SizeClasses") -> Floats:
    """``-log10`` of the tail probability of each value, 0 to :data:`LARGEST_SURPRISE`.

    It is interpolated between the knots, and extrapolated beyond the last one with the slope of the
    last three.

    Args:
        tables: one for each row of values.
        values: of shape (tables, sessions).
        sizes: of each session.
    """
    line = tables.line
    lowest, highest, shifts = line.limits.take(sizes.classes, axis=2)
    shifted = np.maximum(values, lowest, out=lowest)
    np.minimum(shifted, highest, out=shifted)
    shifted += shifts
    found: Floats = np.interp(shifted, line.knots, line.surprises).astype(np.float32)
    return found


def _quantiles(values: Floats) -> NDArray[np.float64]:
    shares = 1 - np.array(TAIL_PROBABILITIES)
    quantiles: NDArray[np.float64] = np.quantile(values, shares)
    return quantiles


def _increasing(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The row with equal knots separated, so that the highest probability applies to them."""
    gap = 1e-4 * max(1.0, float(np.abs(row).max()))
    steps = np.arange(len(row)) * gap
    increasing: NDArray[np.float64] = np.maximum.accumulate(row - steps) + steps
    return increasing


class SizeClasses(NamedTuple):
    """The audience size class of each session."""

    classes: NDArray[np.intp]

    @classmethod
    def of(cls, presence: Floats) -> Self:
        """The classes of sessions with these levels of presence."""
        return cls(np.searchsorted(AUDIENCE_SIZES, presence, side="right"))


@dataclass(frozen=True)
class Calibration:
    """All tables of the detector, and windows of quiet ticks.

    Attributes:
        features: one table per feature of the forest.
        forest: of the forest's score.
        deviation: of the z-score.
        combined: of 0.7 x the forest's surprise + 0.3 x that of the z-score.
        prior: forest inputs of quiet ticks, of shape (sizes, window, features), which a session
            uses as its reference window until it has its own.
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
        """The tables of the features, to be looked up together."""
        return TableRow(self.features)

    @cached_property
    def of_parts(self) -> TableRow:
        """The tables of the forest and the z-score."""
        return TableRow((self.forest, self.deviation))

    @cached_property
    def of_combination(self) -> TableRow:
        """The table of their combination."""
        return TableRow((self.combined,))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a calibration from a file.

        Raises:
            CalibrationError: there is no such file, or no calibration of this version in it.
        """
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=CalibrationFile)
        except OSError as error:
            raise CalibrationError(f"{path}: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise CalibrationError(f"{path}: not a calibration: {error}") from error
        try:
            return cls.from_stored(stored)
        except ValueError as error:
            raise CalibrationError(f"{path}: {error}") from error

    @classmethod
    def from_stored(cls, stored: CalibrationFile) -> Self:
        """The calibration in its stored form.

        Raises:
            CalibrationError: it is of another version, or its tables are invalid.
        """
        if stored.version != VERSION:
            raise CalibrationError(f"version {stored.version}, not {VERSION}")
        return cls(
            name=stored.name,
            made_from=stored.made_from,
            ticks=stored.ticks,
            features=tuple(TailTable(np.array(table)) for table in stored.features),
            forest=TailTable(np.array(stored.forest)),
            deviation=TailTable(np.array(stored.deviation)),
            combined=TailTable(np.array(stored.combined)),
            prior=np.array(stored.prior, np.float32),
        )

    def to_stored(self) -> CalibrationFile:
        """The calibration in its stored form, rounded to the digits that matter."""
        return CalibrationFile(
            version=VERSION,
            name=self.name,
            made_from=self.made_from,
            ticks=self.ticks,
            features=[table.knots.round(5).tolist() for table in self.features],
            forest=self.forest.knots.round(6).tolist(),
            deviation=self.deviation.knots.round(5).tolist(),
            combined=self.combined.knots.round(5).tolist(),
            prior=self.prior.astype(np.float64).round(4).tolist(),
        )


def write_calibration(calibration: Calibration, path: Path) -> Path:
    """Writes a calibration for :meth:`Calibration.read`; returns the path.

    Raises:
        CalibrationError: the file cannot be written.
    """
    data = msgspec.json.format(msgspec.json.encode(calibration.to_stored()), indent=1)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        # Atomic: a concurrent reader gets either the old or the new file.
        unfinished.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from error
    return path


# The surprises of a warning and of a critical anomaly: 1 % and 0.25 % of quiet ticks.
WARNING_SURPRISE, CRITICAL_SURPRISE = 2.0, -np.log10(0.0025)
_SCORE_KNOTS = (0.0, WARNING_SURPRISE, CRITICAL_SURPRISE, 4.0, LARGEST_SURPRISE)
_SCORES = (0.0, 0.6, 0.8, 0.95, 1.0)


def anomaly_score(surprise: Floats) -> Floats:
    """A surprise as a score in [0, 1]: 0.6 for one quiet tick in 100, 0.8 for one in 400."""
    return np.interp(surprise, _SCORE_KNOTS, _SCORES).astype(np.float32)
