"""From the events of a batch to blocks: what a collector does with all that it has read."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import COLUMNS, Block, Mention, PollName
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification, keyed_identity, unkeyed_identity
from sessions_app.redis_access.keys import SHARD_COUNT, shard_of
from sessions_app.ticks import tick_at


class BatchBuilder:
    """Collects the events of one batch, and splits them into blocks.

    Args:
        identification: how to identify users and subjects.
    """

    def __init__(self, identification: Identification) -> None:
        self._identification = identification
        self._batch = os.urandom(12)
        self._rows: dict[str, int] = {}
        self._event_ids: list[str | None] = []
        self._kinds: list[int] = []
        self._sources: list[int] = []
        self._sessions: list[int] = []
        self._users: list[bytes] = []
        self._subjects: list[bytes] = []
        self._times: list[int] = []
        self._sequences: list[int] = []
        self._ticks: list[int] = []
        self._poll_ids: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def add(
        self,
        event: PlatformEvent,
        source: int,
        time_ms: int,
        sequence: int,
        tick: int | None = None,
    ) -> None:
        """Adds an event.

        Args:
            source: index of its channel, plus :data:`PUBSUB_SOURCE` for Pub/Sub.
            time_ms, sequence: ID of its entry, both below 2**64; or time of receipt and a counter.
            tick: the tick it belongs to, if not that of ``time_ms``.
        """
        row = self._rows.get(event.session_id)
        if row is None:
            row = self._rows[event.session_id] = len(self._event_ids)
            self._event_ids.append(event.event_id)
        elif event.event_id is not None and self._event_ids[row] is None:
            self._event_ids[row] = event.event_id
        self._kinds.append(event.kind)
        self._sources.append(source)
        self._sessions.append(row)
        self._users.append(event.user_id.encode())
        self._subjects.append(event.subject)
        self._times.append(time_ms)
        self._sequences.append(sequence)
        self._ticks.append(tick_at(time_ms) if tick is None else tick)
        if event.poll_id:
            self._poll_ids[event.subject] = event.poll_id

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yields ``(shard, block)`` for every shard and tick with events."""
        if not self._kinds:
            return
        ticks = np.array(self._ticks, dtype=np.int64)
        events = self._columns()
        poll_names = self._identified_polls()
        session_ids = list(self._rows)
        shards = np.array([shard_of(session_id) for session_id in session_ids], dtype=np.int64)
        groups = ticks * SHARD_COUNT + shards[events["session"]]
        by_group = np.argsort(groups, kind="stable")
        edges = np.flatnonzero(np.diff(groups[by_group])) + 1
        for members in np.split(by_group, edges):
            tick, shard = divmod(int(groups[members[0]]), SHARD_COUNT)
            block = self._block(tick, session_ids, events[members])
            yield shard, block._replace(polls=_polls_among(block.events, poll_names))

    def _columns(self) -> NDArray[np.void]:
        events = np.zeros(len(self._kinds), COLUMNS)
        events["kind"] = self._kinds
        events["source"] = self._sources
        events["session"] = self._sessions
        events["time"] = np.array(self._times, dtype=np.uint64)
        events["sequence"] = np.array(self._sequences, dtype=np.uint64)
        events["keyed"] = self._identification.keyed_too
        for name, values in (("user", self._users), ("subject", self._subjects)):
            events[name] = self._keyed(values)
            events[f"unkeyed_{name}"] = self._unkeyed(values)
        return events

    def _keyed(self, values: Iterable[bytes]) -> Any:
        if not self._identification.keyed_too:
            return 0
        secret = self._identification.secret
        return [keyed_identity(secret, value) if value else 0 for value in values]

    def _unkeyed(self, values: Iterable[bytes]) -> Any:
        if not self._identification.unkeyed_too:
            return 0
        return [unkeyed_identity(value) if value else 0 for value in values]

    def _identified_polls(self) -> dict[tuple[int, int], str]:
        """The platform's IDs of the polls, by their identities with and without a key."""
        count = len(self._poll_ids)
        keyed = np.broadcast_to(np.array(self._keyed(self._poll_ids), np.uint64), count)
        unkeyed = np.broadcast_to(np.array(self._unkeyed(self._poll_ids), np.uint64), count)
        pairs = zip(keyed.tolist(), unkeyed.tolist(), strict=True)
        return dict(zip(pairs, self._poll_ids.values(), strict=True))

    def _block(self, tick: int, session_ids: list[str], events: NDArray[np.void]) -> Block:
        rows, events["session"] = np.unique(events["session"], return_inverse=True)
        mentions = [Mention(session_ids[row], self._event_ids[row]) for row in rows.tolist()]
        return Block(tick, self._batch, mentions, events)


def _polls_among(
    events: NDArray[np.void], names: dict[tuple[int, int], str]
) -> tuple[PollName, ...]:
    if not names:
        return ()
    kinds = events["kind"]
    of_polls = events[(kinds == EventKind.VOTE) | (kinds == EventKind.POLL_CLOSED)]
    pairs = set(of_polls[["subject", "unkeyed_subject"]].tolist())
    return tuple(
        PollName(keyed, unkeyed, names[keyed, unkeyed]) for keyed, unkeyed in sorted(pairs)
    )
