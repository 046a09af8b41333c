"""What the detector remembers of each session: arrays with the sessions along the last axis.

The state does not grow with time: it takes :func:`bytes_per_session` bytes per session.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.forest_state import ForestWindows, chosen
from anomalies_app.detector.half_space_trees import HalfSpaceForest

VERSION = 4

# A little over five minutes: the slowest fall whose beginning an explanation can name.
HISTORY_TICKS = 64
MINUTE_TICKS = 12
# The forest's features; see anomalies_app.detector.features.
FEATURE_COUNT = 6
FOREST = HalfSpaceForest(FEATURE_COUNT, tree_count=10, height=8, window=30, seed=42)
NO_EPISODE = 0

Floats = NDArray[np.float32]

_VECTORS: dict[str, type[np.generic]] = {
    "age": np.uint16,
    "presence_level": np.float32,
    "presence_dispersion": np.float32,
    "vitality_level": np.float32,
    "vitality_variance": np.float32,
    "chat_level": np.float32,
    "reactions_level": np.float32,
    "score_level": np.float32,
    "presence_slow": np.float32,
    "vitality_slow": np.float32,
    "low_score_sum": np.float32,
    "exit_run": np.uint8,
    "fast_run": np.uint8,
    "slow_run": np.uint8,
    "chat_run": np.uint8,
    "quiet_for": np.uint8,
    "episode": np.uint8,
    "severity": np.uint8,
    "calm_run": np.uint8,
    "raised_at": np.int64,
}
# Vectors of one type that are processed together; they must be evenly spaced in the order above.
_GROUPS: dict[str, tuple[str, ...]] = {
    "levels": ("presence_level", "vitality_level"),
    "noises": ("presence_dispersion", "vitality_variance"),
    "explaining": ("chat_level", "reactions_level", "score_level"),
    "slow_falls": ("presence_slow", "vitality_slow"),
    "runs": ("exit_run", "fast_run", "slow_run", "chat_run"),
}
# Half precision is exact for integers up to 2,048 only, and ends at 65,504: not enough for people.
_RINGS: dict[str, tuple[int, type[np.floating[Any]]]] = {
    "presence": (HISTORY_TICKS, np.float32),
    "chat": (HISTORY_TICKS, np.float16),
    "vitality": (HISTORY_TICKS, np.float16),
    "score": (MINUTE_TICKS, np.float16),
}
_KINDS = {kind: [name for name in _VECTORS if _VECTORS[name] is kind] for kind in _VECTORS.values()}


def _rows(names: tuple[str, ...]) -> tuple[type[np.generic], slice]:
    """The type of a group, and its rows in the block of that type."""
    kind = _VECTORS[names[0]]
    rows = [_KINDS[kind].index(name) for name in names]
    return kind, slice(rows[0], rows[-1] + 1, rows[1] - rows[0])


_GROUP_ROWS = {group: _rows(names) for group, names in _GROUPS.items()}


def _empty_rings(sessions: int) -> dict[str, NDArray[np.floating[Any]]]:
    return {name: np.zeros((size, sessions), kind) for name, (size, kind) in _RINGS.items()}


def _largest(ring: NDArray[np.floating[Any]]) -> float:
    return float(np.finfo(ring.dtype).max)


class UnknownDetectorStateError(ValueError):
    """These bytes are not a detector state of this version."""


class OldDetectorStateError(UnknownDetectorStateError):
    """These bytes were written by an earlier version, as happens after an upgrade."""


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, int, int, list[bytes]]).decode


@dataclass
class DetectorState:
    """Everything that is known about the sessions at the end of ``tick``.

    Attributes:
        tick: the last one included.
        session_ids: the session of each element.
        blocks: the vectors of each type, of shape (vectors, sessions).
        rings: ring buffers with the last values of a signal, of shape (ticks, sessions); the value
            of tick ``t`` is at ``t`` modulo the number of ticks.
        forest: the windows of each session's forest.
        vectors: by name, an array with one value per session: views of the rows of the blocks.
    """

    tick: int
    session_ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    blocks: dict[type[np.generic], NDArray[Any]] = field(default_factory=dict)
    rings: dict[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    forest: ForestWindows = field(default_factory=lambda: ForestWindows.empty(FOREST, 0))
    vectors: dict[str, NDArray[Any]] = field(init=False)

    def __post_init__(self) -> None:
        if not self.blocks:
            self.blocks = {kind: np.zeros((len(names), 0), kind) for kind, names in _KINDS.items()}
            self.rings = _empty_rings(0)
        rows = {kind: iter(block) for kind, block in self.blocks.items()}
        self.vectors = {name: next(rows[kind]) for name, kind in _VECTORS.items()}

    def __len__(self) -> int:
        return len(self.session_ids)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.vectors[name]

    def __setitem__(self, name: str, values: NDArray[Any]) -> None:
        self.vectors[name][...] = values

    def group(self, name: str) -> NDArray[Any]:
        """A writable view of several vectors that are processed together, one row each."""
        kind, rows = _GROUP_ROWS[name]
        return self.blocks[kind][rows]

    @classmethod
    def fresh(cls, tick: int, session_ids: NDArray[np.int64]) -> Self:
        """The state of new sessions, with age 0."""
        count = len(session_ids)
        return cls(
            tick,
            session_ids,
            {kind: np.zeros((len(names), count), kind) for kind, names in _KINDS.items()},
            _empty_rings(count),
            ForestWindows.empty(FOREST, count),
        )

    def remember(self, name: str, tick: int, values: Floats) -> None:
        """Writes the value of every session at ``tick`` into a ring buffer."""
        ring = self.rings[name]
        np.minimum(values, _largest(ring), out=ring[tick % len(ring)])

    def fill(self, name: str, rows: NDArray[np.bool_], values: Floats) -> None:
        """Fills a ring buffer of new sessions with their first values."""
        ring = self.rings[name]
        ring[:, rows] = np.minimum(values, _largest(ring))

    def remembered(self, name: str, tick: int) -> Floats:
        """The value of every session at ``tick``, which the ring buffer must still hold."""
        ring = self.rings[name]
        values: Floats = ring[tick % len(ring)].astype(np.float32)
        return values

    def history(self, name: str, rows: NDArray[np.int64]) -> Floats:
        """The values of some sessions, of shape (ticks, rows), the latest first."""
        ring = self.rings[name]
        order = (self.tick - np.arange(len(ring))) % len(ring)
        values: Floats = ring[np.ix_(order, rows)].astype(np.float32)
        return values

    def aligned(self, session_ids: NDArray[np.int64]) -> Self:
        """The state of ``session_ids``, in that order; that of unknown sessions is fresh."""
        if np.array_equal(session_ids, self.session_ids):
            return self
        rows, known = self._find(session_ids)
        unknown = type(self).fresh(self.tick, session_ids[~known])
        joined = self._taken(rows).joined(unknown)
        order = np.empty(len(session_ids), np.int64)
        order[np.r_[np.flatnonzero(known), np.flatnonzero(~known)]] = np.arange(len(session_ids))
        return joined._taken(order)

    def _find(self, session_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows of the known sessions, and a mask of which are known."""
        if not len(self):
            return np.zeros(0, np.int64), np.zeros(len(session_ids), np.bool_)
        order = np.argsort(self.session_ids, kind="stable")
        positions = np.searchsorted(self.session_ids[order], session_ids)
        rows = order[np.minimum(positions, len(self) - 1)]
        known = self.session_ids[rows] == session_ids
        return rows[known], known

    def part(self, rows: slice) -> Self:
        """A view of some sessions: changes there are changes here."""
        if rows.start == 0 and rows.stop >= len(self):
            return self
        return self._taken(rows)

    def _taken(self, rows: NDArray[np.int64] | slice) -> Self:
        return type(self)(
            self.tick,
            self.session_ids[rows],
            {kind: chosen(block, rows) for kind, block in self.blocks.items()},
            {name: chosen(ring, rows) for name, ring in self.rings.items()},
            self.forest.taken(rows),
        )

    def joined(self, other: Self) -> Self:
        """These sessions followed by the others, at the same tick."""
        return type(self)(
            self.tick,
            np.concatenate([self.session_ids, other.session_ids]),
            {kind: np.hstack([block, other.blocks[kind]]) for kind, block in self.blocks.items()},
            {name: np.hstack([self.rings[name], other.rings[name]]) for name in _RINGS},
            self.forest.joined(other.forest),
        )

    def _arrays(self) -> list[NDArray[Any]]:
        forest = [getattr(self.forest, part.name) for part in fields(ForestWindows)]
        return [self.session_ids, *self.vectors.values(), *self.rings.values(), *forest]

    def to_bytes(self) -> bytes:
        """The state as bytes, for :meth:`from_bytes`."""
        parts = [np.ascontiguousarray(array).tobytes() for array in self._arrays()]
        return _pack((VERSION, self.tick, len(self), parts))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that :meth:`to_bytes` wrote.

        Raises:
            OldDetectorStateError: an earlier version has written them.
            UnknownDetectorStateError: a later version has, or they are something else.
        """
        try:
            version, tick, count, parts = _unpack(data)
        except msgspec.MsgspecError as error:
            raise UnknownDetectorStateError(str(error)) from error
        if 0 < version < VERSION:
            raise OldDetectorStateError(f"detector state of version {version}")
        if version != VERSION:
            raise UnknownDetectorStateError(f"detector state of version {version}")
        # Checked before memory is allocated for as many sessions as a damaged count says.
        sizes = [count * array.nbytes for array in _one_session()._arrays()]
        if count < 0 or [len(part) for part in parts] != sizes:
            raise UnknownDetectorStateError(f"{len(data)} bytes do not fit {count} sessions")
        state = cls.fresh(tick, np.zeros(count, np.int64))
        arrays = state._arrays()
        for array, part in zip(arrays, parts, strict=True):
            array[...] = np.frombuffer(part, array.dtype).reshape(array.shape)
        return state


def bytes_per_session() -> int:
    """The size of the state per session, as it is stored."""
    return sum(array.nbytes for array in _one_session()._arrays())


def _one_session() -> DetectorState:
    return DetectorState.fresh(0, np.zeros(1, np.int64))
