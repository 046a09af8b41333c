"""Blocks of events: what a collector hands to a shard for one tick, as columns.

A collector turns a batch of events into one block per shard and tick. Blocks hold columns rather
than counts, so that the scorer can drop duplicates and order joins and leaves for all sessions of a
shard at once.
"""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.events.identification import unkeyed_identity
from sessions_app.redis_access.keys import CHANNELS
from sessions_app.ticks import TICK_MS

VERSION = 3
# Version of the release before: identities without a key, and 32-bit sequence numbers.
UNKEYED_VERSION = 2
# Sources are indexes into keys.CHANNELS; for Pub/Sub messages, plus this.
PUBSUB_SOURCE = 128

COLUMNS = np.dtype(
    [
        ("kind", "u1"),
        ("source", "u1"),
        ("session", "<u4"),
        ("user", "<u8"),
        ("subject", "<u8"),
        ("order", "<u8"),
        ("time", "<u8"),
        ("sequence", "<u8"),
        ("unkeyed_user", "<u8"),
        ("unkeyed_subject", "<u8"),
        ("keyed", "?"),
    ]
)
# Columns as stored.
_PLAIN = ("kind", "source", "session", "user", "subject", "time", "sequence")
_UNKEYED = ("unkeyed_user", "unkeyed_subject")
_STORED = np.dtype([(name, COLUMNS[name]) for name in _PLAIN])
_STORED_UNKEYED = np.dtype([(name, COLUMNS[name]) for name in _UNKEYED])
_STORED_2 = np.dtype([(name, COLUMNS[name]) for name in (*_PLAIN[:5], "order")])
# A lookup table by number, much faster than a search.
_IS_SOURCE = np.zeros(256, bool)
_IS_SOURCE[: len(CHANNELS)] = _IS_SOURCE[PUBSUB_SOURCE : PUBSUB_SOURCE + len(CHANNELS)] = True
# Far in the future, but still representable as 64-bit milliseconds.
_LAST_TICK = 2**48
_SEQUENCE_BITS = np.uint64(32)
_LAST_SEQUENCE_2 = np.uint64(0xFFFFFFFF)


class BadBlockError(ValueError):
    """Bytes that are not a block this release can read."""


class NewerBlockError(BadBlockError):
    """A block of a later release, whose workers can read it."""


class Mention(NamedTuple):
    """A session as mentioned by the platform, with its event if that was named."""

    session_id: str
    event_id: str | None


class PollName(NamedTuple):
    """The platform's ID of a poll, and its identities with and without a key."""

    subject: int
    unkeyed_subject: int
    poll_id: str


class Block(NamedTuple):
    """Events of one shard and tick.

    Attributes:
        batch: identity of the batch it came from, the same if it is written again.
        mentions: the sessions that column ``session`` points into.
        events: array of :data:`COLUMNS`. ``time`` in milliseconds and ``sequence`` are the ID of
            the stream entry, or for Pub/Sub the time of receipt and a counter. ``keyed`` says
            whether ``user`` and ``subject`` are set; ``unkeyed_user`` and ``unkeyed_subject`` are 0
            if no session needs them. ``order`` is the order of arrival within the tick, set when
            its blocks are joined (:func:`order_of`).
        polls: names of the polls among the subjects.
    """

    tick: int
    batch: bytes
    mentions: list[Mention]
    events: NDArray[np.void]
    polls: tuple[PollName, ...] = ()


class _Written(msgspec.Struct, array_like=True):
    """A block as stored."""

    version: int
    tick: int
    batch: bytes
    mentions: list[Mention]
    keyed: bool
    events: bytes
    unkeyed: bytes
    polls: tuple[PollName, ...]


class _Written2(msgspec.Struct, array_like=True):
    """A block as stored in version 2."""

    version: int
    tick: int
    batch: bytes
    mentions: list[Mention]
    events: bytes
    poll_ids: tuple[str, ...]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Written).decode
_unpack_2 = msgspec.msgpack.Decoder(_Written2).decode


def encode_block(block: Block) -> bytes:
    """The block as bytes for :func:`decode_block`, in the oldest version that can represent it."""
    events = block.events
    keyed = bool(events["keyed"].any())
    if not keyed and _is_ordinary(events, block.tick):
        return _pack(_written_2(block))
    has_unkeyed = any(events[name].any() for name in _UNKEYED)
    return _pack(
        _Written(
            version=VERSION,
            tick=block.tick,
            batch=block.batch,
            mentions=block.mentions,
            keyed=keyed,
            events=_packed(events, _STORED),
            unkeyed=_packed(events, _STORED_UNKEYED) if has_unkeyed else b"",
            polls=block.polls,
        )
    )


def _written_2(block: Block) -> _Written2:
    columns = block.events.copy()
    columns["user"], columns["subject"] = columns["unkeyed_user"], columns["unkeyed_subject"]
    columns["order"] = order_of(columns, block.tick)
    return _Written2(
        version=UNKEYED_VERSION,
        tick=block.tick,
        batch=block.batch,
        mentions=block.mentions,
        events=_packed(columns, _STORED_2),
        poll_ids=tuple(poll.poll_id for poll in block.polls),
    )


def _is_ordinary(events: NDArray[np.void], tick: int) -> bool:
    """Whether all entries belong to the tick of their IDs and have 32-bit sequence numbers."""
    in_tick = events["time"] // np.uint64(TICK_MS) == tick
    return bool((in_tick & (events["sequence"] <= _LAST_SEQUENCE_2)).all())


def _packed(events: NDArray[np.void], dtype: np.dtype) -> bytes:
    packed = np.empty(len(events), dtype)
    for name in dtype.names or ():
        packed[name] = events[name]
    return packed.tobytes()


def decode_block(data: bytes) -> Block:
    """The block that :func:`encode_block` wrote, in this release or the one before.

    Raises:
        NewerBlockError: the block is of a later release.
        BadBlockError: not a block.
    """
    try:
        block = _decoded(data)
    except (msgspec.MsgspecError, UnicodeError, OverflowError) as error:
        raise BadBlockError(str(error)) from error
    if not 0 <= block.tick <= _LAST_TICK:
        raise BadBlockError(f"invalid tick {block.tick}")
    events = block.events
    if not (_IS_SOURCE[events["source"]] & (events["session"] < len(block.mentions))).all():
        raise BadBlockError("events of an unknown source or session")
    return block


def _decoded(data: bytes) -> Block:
    # A MessagePack array of up to 15 elements starts with one byte; the version is the next.
    version = data[1] if len(data) > 1 and data[0] >> 4 == 0x9 else None
    if version == VERSION:
        return _block_of(_unpack(data))
    if version == UNKEYED_VERSION:
        return _block_of_2(_unpack_2(data))
    if version is not None and VERSION < version < 0x80:
        raise NewerBlockError(f"block of version {version}")
    raise BadBlockError("not a block, or of a version no longer supported")


def _columns(packed: bytes, dtype: np.dtype) -> NDArray[np.void]:
    if len(packed) % dtype.itemsize:
        raise BadBlockError(f"{len(packed)} bytes are not a multiple of {dtype.itemsize}")
    return np.frombuffer(packed, dtype)


def _block_of(written: _Written) -> Block:
    stored = _columns(written.events, _STORED)
    unkeyed = _columns(written.unkeyed, _STORED_UNKEYED)
    if len(unkeyed) not in (0, len(stored)):
        raise BadBlockError(f"{len(unkeyed)} unkeyed identities of {len(stored)} events")
    events = np.zeros(len(stored), COLUMNS)
    for name in _PLAIN:
        events[name] = stored[name]
    for name in _UNKEYED if len(unkeyed) else ():
        events[name] = unkeyed[name]
    events["keyed"] = written.keyed
    return Block(written.tick, written.batch, written.mentions, events, written.polls)


def _block_of_2(written: _Written2) -> Block:
    stored = _columns(written.events, _STORED_2)
    events = np.zeros(len(stored), COLUMNS)
    for name in ("kind", "source", "session"):
        events[name] = stored[name]
    events["unkeyed_user"], events["unkeyed_subject"] = stored["user"], stored["subject"]
    events["time"] = (stored["order"] >> _SEQUENCE_BITS) + np.uint64(written.tick * TICK_MS)
    events["sequence"] = stored["order"] & _LAST_SEQUENCE_2
    names = tuple(
        PollName(0, unkeyed_identity(poll_id.encode()), poll_id) for poll_id in written.poll_ids
    )
    return Block(written.tick, written.batch, written.mentions, events, names)


def order_of(events: NDArray[np.void], tick: int) -> NDArray[np.uint64]:
    """The order of arrival in a tick: milliseconds in the upper, sequence in the lower 32 bits.

    Entries with IDs of another tick are placed at the end.
    """
    passed = events["time"] - np.uint64(tick * TICK_MS)  # wraps around for earlier times
    sequence = events["sequence"]
    if len(sequence) and sequence.max() > _LAST_SEQUENCE_2:
        ranks = np.empty(len(events), np.uint64)
        ranks[np.lexsort((sequence, events["time"]))] = np.arange(len(events), dtype=np.uint64)
        sequence = ranks
    order: NDArray[np.uint64] = (
        np.minimum(passed, np.uint64(TICK_MS)) << _SEQUENCE_BITS
    ) | sequence
    return order
