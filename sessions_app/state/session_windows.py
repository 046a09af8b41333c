"""Sixty-second windows of all live sessions of a shard: arrays with one row per session.

Every window is a ring of twelve tick buckets; the bucket of tick ``t`` is ``t % 12``. Advancing by
a tick clears the bucket that expires, whether or not there were events, so windows decay with the
clock.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.score import Signals
from sessions_app.ticks import SILENCE_TICKS, WINDOW_SECONDS, WINDOW_TICKS

VERSION = 3

ROW = np.dtype(
    [
        ("session_id", "<i8"),
        ("event_id", "<i8"),
        ("event_is_known", "?"),
        ("end_reason", "u1"),
        ("last_seen", "<u4"),
        ("chat", "<u4", WINDOW_TICKS),
        ("reactions", "<u4", WINDOW_TICKS),
        ("departures", "<u4", WINDOW_TICKS),
        ("recent", "<u4", WINDOW_TICKS),
        ("active", "<u4", WINDOW_TICKS),
        ("connected", "<u4"),
        ("total", "<u4"),
        ("forgotten", "<u4"),
        ("participation", "<f8"),
        ("lost_at", "<u4"),
        ("unkeyed", "?"),
    ]
)
# Rows of version 2, without the last two columns.
_ROW_2 = np.dtype([(name, ROW[name]) for name in (ROW.names or ())[:-2]])

Rows = NDArray[np.void]
Counts = NDArray[np.int64]


class EndReason(IntEnum):
    """Why a tick is the last one of a session, if it is."""

    NOT_YET = 0
    ANNOUNCED = 1
    DELETED = 2


class Tombstone(NamedTuple):
    """A session whose end was announced: later events do not reopen it."""

    session_id: int
    last_seen: int


class UnknownStateError(ValueError):
    """Bytes that are not windows of this version."""


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    tuple[int, int, list[str], bytes, dict[str, tuple[int, int]], str]
).decode
_unpack_2 = msgspec.msgpack.Decoder(
    tuple[int, int, list[str], bytes, dict[str, tuple[int, int]]]
).decode


def stored_version(beginning: bytes) -> int | None:
    """The version of windows, given at least their first two bytes; None for other bytes."""
    # A MessagePack array of up to 15 elements, the first of which is a small integer.
    if len(beginning) < 2 or beginning[0] >> 4 != 0x9 or beginning[1] >= 0x80:
        return None
    return beginning[1]


def _decoded(data: bytes) -> tuple[Any, ...]:
    try:
        return _unpack(data)
    except msgspec.ValidationError:
        return *_unpack_2(data), ""


@dataclass
class SessionWindows:
    """All live sessions of a shard at the end of ``tick``.

    Attributes:
        tick: the last tick contained.
        external_ids: the platform's session IDs, one per row.
        rows: array of :data:`ROW`. ``session_id`` and ``event_id`` are database keys.
            ``end_reason`` is an :class:`EndReason`, set only until the end of the session's last
            tick. ``recent`` counts users who are not connected, by the tick in which they were last
            seen; ``departures`` counts users who left, by the tick of their last leave; ``active``
            is the number of active users at the end of each of the last twelve ticks;
            ``forgotten`` counts users who are no longer in the presence table; ``lost_at`` is the
            tick in which that table was last lost, 0 for never. ``unkeyed`` sessions began when
            identities had no key, and keep theirs (:mod:`sessions_app.events.identification`).
        tombstones: sessions whose end was announced, by the platform's ID.
        epoch: of the database that assigned the keys
            (:class:`sessions_app.models.DatabaseEpoch`); empty while unknown.
        version: in which the windows were stored.
    """

    tick: int
    external_ids: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=lambda: np.zeros(0, ROW))
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    epoch: str = ""
    version: int = VERSION

    def __len__(self) -> int:
        return len(self.rows)

    def to_bytes(self) -> bytes:
        """The state as bytes for :meth:`from_bytes`."""
        return _pack(
            (
                VERSION,
                self.tick,
                self.external_ids,
                self.rows.tobytes(),
                self.tombstones,
                self.epoch,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that :meth:`to_bytes` wrote, in this version or the one before.

        Raises:
            UnknownStateError: other bytes, or those of another version.
        """
        try:
            version, tick, external_ids, packed, tombstones, epoch = _decoded(data)
        except msgspec.MsgspecError as error:
            raise UnknownStateError(str(error)) from error
        dtype = {2: _ROW_2, VERSION: ROW}.get(version)
        if dtype is None or len(packed) != len(external_ids) * dtype.itemsize:
            raise UnknownStateError(f"windows of version {version}")
        rows = np.zeros(len(external_ids), ROW)
        stored = np.frombuffer(packed, dtype)
        for name in dtype.names or ():
            rows[name] = stored[name]
        if version == 2:
            rows["unkeyed"] = True
        restored = {name: Tombstone(*values) for name, values in tombstones.items()}
        return cls(tick, external_ids, rows, restored, epoch, version)

    def add_sessions(self, external_ids: list[str], rows: Rows) -> None:
        """Appends sessions with these rows."""
        self.external_ids += external_ids
        self.rows = np.concatenate([self.rows, rows])

    def open_tick(self, tick: int) -> Counts:
        """Advances to ``tick``, the next one, and clears the buckets that expire.

        Returns:
            Active users of each row 60 s before the end of ``tick``.
        """
        if tick != self.tick + 1:
            raise ValueError(f"tick {tick} does not follow {self.tick}")
        self.tick = tick
        bucket = tick % WINDOW_TICKS
        before = self.rows["active"][:, bucket].astype(np.int64)
        for name in ("chat", "reactions", "departures", "recent", "active"):
            self.rows[name][:, bucket] = 0
        return before

    def skip_to(self, tick: int) -> None:
        """Advances to ``tick`` without results, after an outage too long to catch up with.

        The skipped time does not count as silence of the sessions.
        """
        skipped = tick - self.tick
        self.rows["last_seen"] += np.uint32(skipped)
        self.tombstones = {
            name: tombstone._replace(last_seen=tombstone.last_seen + skipped)
            for name, tombstone in self.tombstones.items()
        }
        self.tick = max(self.tick, tick - WINDOW_TICKS)
        while self.tick < tick:
            self.open_tick(self.tick + 1)
            self.close_tick()

    def close_tick(self) -> None:
        """Records how many users are active at the end of the tick, after its events."""
        active = self.rows["connected"] + self.rows["recent"].sum(axis=1)
        self.rows["active"][:, self.tick % WINDOW_TICKS] = active

    def active_users(self) -> Counts:
        """Users of each row who are active at the end of the tick."""
        return self.rows["active"][:, self.tick % WINDOW_TICKS].astype(np.int64)

    def signals(self, active_before: Counts) -> Signals:
        """The six signals of each row; ``active_before`` is what :meth:`open_tick` returned."""
        per_minute = 60.0 / WINDOW_SECONDS
        departures = self.rows["departures"].sum(axis=1)
        leave_rate = np.divide(
            departures, active_before, out=np.zeros(len(self)), where=active_before > 0
        )
        return Signals(
            chat_msgs_per_min=self.rows["chat"].sum(axis=1) * per_minute,
            poll_participation=self.rows["participation"].copy(),
            active_users=self.active_users(),
            total_users=self.rows["total"].astype(np.int64),
            reactions_per_min=self.rows["reactions"].sum(axis=1) * per_minute,
            user_leave_rate=np.minimum(1.0, leave_rate),
        )

    def unkeyed_sessions(self) -> Counts:
        """Keys of the sessions whose identities have no key."""
        session_ids: Counts = self.rows["session_id"][self.rows["unkeyed"]]
        return session_ids

    def silent_rows(self) -> NDArray[np.bool_]:
        """Which sessions have been silent for half an hour."""
        silent: NDArray[np.bool_] = (
            self.tick - self.rows["last_seen"].astype(np.int64) >= SILENCE_TICKS
        )
        return silent

    def recovering_rows(self) -> NDArray[np.bool_]:
        """Which sessions lost their presence table within the last minute.

        Presence is an estimate until the window contains nothing from before the loss.
        """
        age = self.tick - self.rows["lost_at"].astype(np.int64)
        recovering: NDArray[np.bool_] = (age >= 0) & (age < WINDOW_TICKS)
        return recovering

    def ended_rows(self) -> NDArray[np.bool_]:
        """Which sessions end with this tick."""
        ended: NDArray[np.bool_] = self.silent_rows() | (
            self.rows["end_reason"] != EndReason.NOT_YET
        )
        return ended

    def unscored_rows(self) -> NDArray[np.bool_]:
        """Which of :meth:`ended_rows` end without a last score."""
        unscored: NDArray[np.bool_] = self.silent_rows() | (
            self.rows["end_reason"] == EndReason.DELETED
        )
        return unscored

    def remove_ended(self) -> Counts:
        """Removes the sessions that end with this tick; returns their keys.

        Those whose end was announced leave a tombstone; later events reopen the others.
        """
        ended = self.ended_rows()
        removed: Counts = self.rows["session_id"][ended].copy()
        if len(removed):
            for row in np.flatnonzero(self.rows["end_reason"] == EndReason.ANNOUNCED).tolist():
                session_id, last_seen = self.rows[["session_id", "last_seen"]][row].item()
                self.tombstones[self.external_ids[row]] = Tombstone(session_id, last_seen)
            self.external_ids = [self.external_ids[row] for row in np.flatnonzero(~ended)]
            self.rows = self.rows[~ended]
        return removed

    def forget_tombstones(self) -> None:
        """Drops tombstones of sessions that have been silent for half an hour."""
        for name, tombstone in list(self.tombstones.items()):
            if self.tick - tombstone.last_seen >= SILENCE_TICKS:
                del self.tombstones[name]
