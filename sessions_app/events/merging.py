"""Merging the blocks of a tick: every batch once, and every stream entry once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import COLUMNS, PUBSUB_SOURCE, Block, Mention, PollName, order_of
from sessions_app.ticks import TICK_MS

# The ID of an entry, and its stream.
ENTRY = np.dtype([("source", "u1"), ("time", "<u8"), ("sequence", "<u8")])


class TickEvents(NamedTuple):
    """The events of one shard and tick.

    Attributes:
        mentions: the sessions that column ``session`` points into, each once.
        events: array of :data:`sessions_app.events.blocks.COLUMNS`.
        polls: names of the polls among the subjects.
        strays: records of :data:`ENTRY`: entries whose IDs belong to another tick, so that the
            blocks of that tick do not reveal a redelivery.
    """

    mentions: list[Mention]
    events: NDArray[np.void]
    polls: tuple[PollName, ...] = ()
    strays: NDArray[np.void] = np.zeros(0, ENTRY)


def merge_tick(blocks: Sequence[Block]) -> TickEvents:
    """The events of the blocks of one tick, without duplicates."""
    joined = _join(_distinct_batches(blocks))
    events = joined.events
    if len(events):
        (numbers,) = _entry_numbers(events)
        events = events[_first_of_each(numbers, events["source"] < PUBSUB_SOURCE)]
        events["order"] = order_of(events, blocks[0].tick)
    strays = _strays(events, blocks[0].tick) if len(events) else joined.strays
    return joined._replace(events=events, strays=strays)


def merge_late(late: Sequence[Block], counted: Sequence[Block]) -> TickEvents:
    """The events of late blocks, without those that were counted in time.

    Args:
        late: blocks of one tick that was already scored.
        counted: the blocks of that tick that were scored.
    """
    batches = {block.batch for block in counted}
    merged = merge_tick([block for block in late if block.batch not in batches])
    if not len(merged.events):
        return merged
    now, before = _entry_numbers(merged.events, _join(counted).events)
    fresh = ~np.isin(now, before) | (merged.events["source"] >= PUBSUB_SOURCE)
    events = merged.events[fresh]
    events["order"] = 0
    strays = _strays(events, late[0].tick)
    return merged._replace(events=events, strays=strays)


def join_all(parts: Iterable[TickEvents]) -> TickEvents:
    """The events of several ticks as one."""
    parts = list(parts)
    return _join(parts)._replace(strays=np.concatenate([part.strays for part in parts]))


def without_entries(tick_events: TickEvents, entries: NDArray[np.void]) -> TickEvents:
    """The events without those of ``entries``, records of :data:`ENTRY`."""
    if not len(entries):
        return tick_events
    now, strays, known = _entry_numbers(tick_events.events, tick_events.strays, entries)
    fresh = ~np.isin(now, known) | (tick_events.events["source"] >= PUBSUB_SOURCE)
    return tick_events._replace(
        events=tick_events.events[fresh], strays=tick_events.strays[~np.isin(strays, known)]
    )


def _distinct_batches(blocks: Sequence[Block]) -> list[Block]:
    return list({block.batch: block for block in blocks}.values())


def _join(blocks: Sequence[Block] | Sequence[TickEvents]) -> TickEvents:
    event_ids: dict[str, str | None] = {}
    rows: dict[str, int] = {}
    parts = [np.zeros(0, COLUMNS)]
    for block in blocks:
        for session_id, event_id in block.mentions:
            rows.setdefault(session_id, len(rows))
            event_ids[session_id] = event_ids.get(session_id) or event_id
        events = block.events.copy()
        index = np.array([rows[mention.session_id] for mention in block.mentions], dtype=np.uint32)
        events["session"] = index[events["session"]]
        parts.append(events)
    return TickEvents(
        [Mention(*pair) for pair in event_ids.items()],
        np.concatenate(parts),
        tuple({poll for block in blocks for poll in block.polls}),
    )


def _entry_numbers(*tables: NDArray[np.void]) -> list[NDArray[np.uint64]]:
    """A number for the stream entry of each event, of one at least, equal where the entries are."""
    sources = np.concatenate([events["source"] for events in tables])
    times = np.concatenate([events["time"] for events in tables])
    sequences = np.concatenate([events["sequence"] for events in tables])
    span = times - times.min()
    if span.max() < 2**24 and sequences.max() < 2**32:
        # Usually everything fits into 64 bits, which are faster to compare.
        numbers = (sources.astype(np.uint64) << np.uint64(56)) | (span << np.uint64(32)) | sequences
    else:
        order = np.lexsort((sequences, times, sources))
        columns = (sources[order], times[order], sequences[order])
        differs = np.any([column[1:] != column[:-1] for column in columns], axis=0)
        numbers = np.empty(len(order), np.uint64)
        numbers[order] = np.concatenate([[0], np.cumsum(differs)])
    edges = np.cumsum([len(events) for events in tables])[:-1]
    return np.split(numbers, edges)


def _first_of_each(numbers: NDArray[np.uint64], of_streams: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which events are the first with their number, or not from streams."""
    _, first = np.unique(numbers, return_index=True)
    keep: NDArray[np.bool_] = ~of_streams
    keep[first] = True
    return keep


def _strays(events: NDArray[np.void], tick: int) -> NDArray[np.void]:
    elsewhere = events["time"] // np.uint64(TICK_MS) != tick
    return _entries(events[elsewhere & (events["source"] < PUBSUB_SOURCE)])


def _entries(events: NDArray[np.void]) -> NDArray[np.void]:
    entries = np.empty(len(events), ENTRY)
    for name in ENTRY.names or ():
        entries[name] = events[name]
    return entries
