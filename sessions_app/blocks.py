"""Blocks of events: what a collector hands to a shard for one tick, as columns.

A collector turns a batch of events into one block per shard and tick. Columns rather than counts,
so that the scorer can drop what was delivered twice, and put joins and leaves in order, with all
sessions of a shard at once.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.events import EventKind, PlatformEvent, identity
from sessions_app.keys import SHARD_COUNT, shard_of
from sessions_app.ticks import TICK_MS

VERSION = 2
# Sources below this are positions in keys.CHANNELS of stream entries; Pub/Sub adds it.
PUBSUB_SOURCE = 128

COLUMNS = np.dtype(
    [
        ("kind", "u1"),
        ("source", "u1"),
        ("session", "<u4"),
        ("user", "<u8"),
        ("subject", "<u8"),
        ("order", "<u8"),
    ]
)


class BadBlockError(ValueError):
    """Bytes that are not a block of this version."""


class Mention(NamedTuple):
    """A session as the platform spoke of it."""

    session_id: str
    event_id: str | None


class Block(NamedTuple):
    """Events of one shard and tick.

    Attributes:
        batch: identity of the batch that it came from, the same when it is written again.
        mentions: the sessions that column ``session`` points into.
        events: array of :data:`COLUMNS`; ``order`` is the arrival within the tick, milliseconds in
            the upper and the sequence number in the lower 32 bits.
        poll_ids: the platform's IDs of the polls among the subjects.
    """

    tick: int
    batch: bytes
    mentions: list[Mention]
    events: NDArray[np.void]
    poll_ids: tuple[str, ...] = ()


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    tuple[int, int, bytes, list[tuple[str, str | None]], bytes, tuple[str, ...]]
).decode


def encode_block(block: Block) -> bytes:
    """The block as bytes, for :func:`decode_block`."""
    events = block.events.tobytes()
    return _pack((VERSION, block.tick, block.batch, block.mentions, events, block.poll_ids))


def decode_block(data: bytes) -> Block:
    """The block that :func:`encode_block` wrote.

    Raises:
        BadBlockError: other bytes, or those of another version.
    """
    try:
        version, tick, batch, mentions, events, poll_ids = _unpack(data)
    except msgspec.MsgspecError as error:
        raise BadBlockError(str(error)) from error
    if version != VERSION or len(events) % COLUMNS.itemsize:
        raise BadBlockError(f"block of version {version}")
    columns = np.frombuffer(events, COLUMNS)
    return Block(tick, batch, [Mention(*pair) for pair in mentions], columns, poll_ids)


class BatchBuilder:
    """Gathers the events of one batch, and splits them into blocks."""

    def __init__(self) -> None:
        self._batch = os.urandom(12)
        self._rows: dict[str, int] = {}
        self._event_ids: list[str | None] = []
        self._kinds: list[int] = []
        self._sources: list[int] = []
        self._sessions: list[int] = []
        self._users: list[int] = []
        self._subjects: list[int] = []
        self._times: list[int] = []
        self._sequences: list[int] = []
        self._poll_ids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, event: PlatformEvent, source: int, time_ms: int, sequence: int) -> None:
        """Adds an event that reached Redis at ``time_ms``, as its ``sequence``-th of that time."""
        row = self._rows.get(event.session_id)
        if row is None:
            row = self._rows[event.session_id] = len(self._event_ids)
            self._event_ids.append(event.event_id)
        elif event.event_id is not None and self._event_ids[row] is None:
            self._event_ids[row] = event.event_id
        self._kinds.append(event.kind)
        self._sources.append(source)
        self._sessions.append(row)
        self._users.append(identity(event.user_id.encode()) if event.user_id else 0)
        self._subjects.append(event.subject)
        self._times.append(time_ms)
        self._sequences.append(sequence)
        if event.poll_id:
            self._poll_ids[event.subject] = event.poll_id

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yields ``(shard, block)``, one for every shard and tick that has events."""
        if not self._kinds:
            return
        times = np.array(self._times, dtype=np.int64)
        events = self._columns(times)
        session_ids = list(self._rows)
        shards = np.array([shard_of(session_id) for session_id in session_ids], dtype=np.int64)
        groups = (times // TICK_MS) * SHARD_COUNT + shards[events["session"]]
        by_group = np.argsort(groups, kind="stable")
        edges = np.flatnonzero(np.diff(groups[by_group])) + 1
        for members in np.split(by_group, edges):
            tick, shard = divmod(int(groups[members[0]]), SHARD_COUNT)
            yield shard, self._block(tick, session_ids, events[members])

    def _columns(self, times: NDArray[np.int64]) -> NDArray[np.void]:
        events = np.empty(len(times), COLUMNS)
        events["kind"] = self._kinds
        events["source"] = self._sources
        events["session"] = self._sessions
        events["user"] = np.array(self._users, dtype=np.uint64)
        events["subject"] = np.array(self._subjects, dtype=np.uint64)
        # A sequence number over 32 bits would spill into the milliseconds.
        sequences = np.minimum(np.array(self._sequences, dtype=np.uint64), 0xFFFFFFFF)
        events["order"] = ((times % TICK_MS).astype(np.uint64) << np.uint64(32)) | sequences
        return events

    def _block(self, tick: int, session_ids: list[str], events: NDArray[np.void]) -> Block:
        rows, events["session"] = np.unique(events["session"], return_inverse=True)
        mentions = [Mention(session_ids[row], self._event_ids[row]) for row in rows.tolist()]
        return Block(tick, self._batch, mentions, events, self._polls_among(events))

    def _polls_among(self, events: NDArray[np.void]) -> tuple[str, ...]:
        if not self._poll_ids:
            return ()
        of_polls = np.isin(events["kind"], (EventKind.VOTE, EventKind.POLL_CLOSED))
        subjects = np.unique(events["subject"][of_polls]).tolist()
        return tuple(self._poll_ids[subject] for subject in subjects)
