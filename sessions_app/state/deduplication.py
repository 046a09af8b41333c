"""Counts every event once, however often and over however many channels it arrives.

A chat message has an ID and counts when it first arrives. A reaction has none, and a user may
legitimately repeat it, but the same reaction may arrive over both transports. So equal payloads
count as often as they came over the transport that delivered more of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.state.packed_tables import (
    Form,
    LostTable,
    Records,
    Table,
    pack_table,
    positions_of,
    unpack_table,
)

# Copies arrive within moments of each other, a publisher's retries within minutes.
HORIZON_TICKS = 120

SEEN = np.dtype([("identity", "<u8"), ("pubsub", "?")])


def _are_sound(seen: Records) -> NDArray[np.bool_]:
    sound: NDArray[np.bool_] = seen["pubsub"].view(np.uint8) <= 1
    return sound


def _read_bare(data: bytes) -> Records:
    return np.frombuffer(data, SEEN)


FORM = Form("identities", 1, SEEN, _are_sound, _read_bare)


class Arrivals(NamedTuple):
    """Events with an identity: equal-length arrays.

    Attributes:
        identities: unique for session and message, or for a reaction's whole payload.
        pubsub: whether it came over Pub/Sub.
        repeatable: whether the same event may legitimately occur again.
    """

    identities: NDArray[np.uint64]
    pubsub: NDArray[np.bool_]
    repeatable: NDArray[np.bool_]


class Once(NamedTuple):
    """How often each distinct identity counts.

    Attributes:
        first: index of the first arrival of each distinct identity.
        counts: how often that identity counts, >= 0.
    """

    first: NDArray[np.int64]
    counts: NDArray[np.int64]


def seen_records(arrivals: Arrivals) -> NDArray[np.void]:
    """Records of :data:`SEEN` to keep for the arrivals."""
    records = np.zeros(len(arrivals.identities), SEEN)
    records["identity"] = arrivals.identities
    records["pubsub"] = arrivals.pubsub
    return records


def pack(seen: Records) -> bytes:
    """The records of one tick as bytes for :func:`unpack`; empty if there are none."""
    table = Table(np.zeros(len(seen), np.int64), seen)
    return pack_table(table, np.zeros(1, np.int64), FORM)[0]


def unpack(blobs: Sequence[bytes]) -> tuple[Records, list[LostTable]]:
    """The records of several ticks, and the blobs that could not be read."""
    table, lost = unpack_table(np.arange(len(blobs)), blobs, FORM)
    return table.records, [tick._replace(row=-1) for tick in lost]


def count_once(arrivals: Arrivals, seen: NDArray[np.void]) -> Once:
    """Counts the arrivals of a tick, given what was seen in the ticks before.

    Args:
        arrivals: of one tick.
        seen: records of :data:`SEEN`, in any order.
    """
    distinct, first, inverse = np.unique(
        arrivals.identities, return_index=True, return_inverse=True
    )
    positions, known = positions_of(distinct, seen["identity"])
    # Only a small part of the seen records matches.
    positions, published = positions[known], seen["pubsub"][known]

    def tally(pubsub: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        before = np.bincount(positions[published == pubsub], minlength=len(distinct))
        now = np.bincount(inverse[arrivals.pubsub == pubsub], minlength=len(distinct))
        return before, before + now

    stream_before, stream_after = tally(pubsub=False)
    pubsub_before, pubsub_after = tally(pubsub=True)
    repeats = np.maximum(stream_after, pubsub_after) - np.maximum(stream_before, pubsub_before)
    unseen = (stream_before + pubsub_before == 0).astype(np.int64)
    return Once(first, np.where(arrivals.repeatable[first], repeats, unseen))
