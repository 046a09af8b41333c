"""Joining the blocks of a tick: every batch once, and every stream entry once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.blocks import COLUMNS, PUBSUB_SOURCE, Block, Mention


class TickEvents(NamedTuple):
    """The events of one shard and tick.

    Attributes:
        mentions: the sessions that column ``session`` points into, each once.
        events: array of :data:`sessions_app.blocks.COLUMNS`.
        poll_ids: the platform's IDs of the polls among the subjects.
    """

    mentions: list[Mention]
    events: NDArray[np.void]
    poll_ids: tuple[str, ...] = ()


def merge_tick(blocks: Sequence[Block]) -> TickEvents:
    """The events of blocks of one tick, in which nothing that was delivered twice stands twice."""
    joined = _join(_distinct_batches(blocks))
    return joined._replace(events=joined.events[_first_of_each_entry(joined.events)])


def merge_late(late: Sequence[Block], counted: Sequence[Block]) -> TickEvents:
    """The events of blocks that came late, without those that were counted in time.

    Args:
        late: blocks of one tick that has been scored already.
        counted: the blocks of that tick that were scored.
    """
    batches = {block.batch for block in counted}
    merged = merge_tick([block for block in late if block.batch not in batches])
    events, before = merged.events, _join(counted).events
    fresh = ~np.isin(_entry_keys(events), _entry_keys(before)) | (events["source"] >= PUBSUB_SOURCE)
    events = events[fresh]
    events["order"] = 0
    return merged._replace(events=events)


def join_all(parts: Iterable[TickEvents]) -> TickEvents:
    """Several tick's events as one."""
    return _join([Block(0, b"", *part) for part in parts])


def _distinct_batches(blocks: Sequence[Block]) -> list[Block]:
    return list({block.batch: block for block in blocks}.values())


def _join(blocks: Sequence[Block]) -> TickEvents:
    event_ids: dict[str, str | None] = {}
    rows: dict[str, int] = {}
    parts = [np.zeros(0, COLUMNS)]
    for block in blocks:
        for session_id, event_id in block.mentions:
            rows.setdefault(session_id, len(rows))
            event_ids[session_id] = event_ids.get(session_id) or event_id
        events = block.events.copy()
        places = np.array([rows[mention.session_id] for mention in block.mentions], dtype=np.uint32)
        events["session"] = places[events["session"]]
        parts.append(events)
    return TickEvents(
        [Mention(*pair) for pair in event_ids.items()],
        np.concatenate(parts),
        tuple({poll_id for block in blocks for poll_id in block.poll_ids}),
    )


def _entry_keys(events: NDArray[np.void]) -> NDArray[np.uint64]:
    """A number for the stream entry of each event: ``order`` leaves the upper bits unused."""
    keys: NDArray[np.uint64] = (events["source"].astype(np.uint64) << np.uint64(56)) | events[
        "order"
    ]
    return keys


def _first_of_each_entry(events: NDArray[np.void]) -> NDArray[np.bool_]:
    _, first = np.unique(_entry_keys(events), return_index=True)
    keep = events["source"] >= PUBSUB_SOURCE
    keep[first] = True
    return keep
