"""All that a shard needs to be brought to its next tick, read in one call."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import PollName
from sessions_app.shards.admission import take_in
from sessions_app.shards.placement import place_sessions
from sessions_app.shards.shard_store import ShardStore
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tick_update import Touched, choose_identities, polled_rows, touched_rows
from sessions_app.telemetry.counters import TickFigures


class TickInput(NamedTuple):
    """The arguments of :func:`sessions_app.state.tick_update.advance`, and the names of polls."""

    events: NDArray[np.void]
    rows: NDArray[np.int64]
    touched: Touched
    seen: list[bytes]
    polls: Iterable[PollName]


def read_tick(
    store: ShardStore,
    windows: SessionWindows,
    is_patient: bool,
    counters: TickFigures,
    begin: Callable[[str], None],
    current_epoch: Callable[[], str],
) -> TickInput:
    """What happened in the tick after that of the windows, with the sessions that it opens.

    Args:
        windows: the sessions that are new are added.
        is_patient: whether to leave what only a later version can read to its workers.
        counters: of what is refused or left out.
        begin: told of each stage, to be named when it fails.
        current_epoch: of the database; asked when a shard gets its first sessions.

    Raises:
        NewerBlockError: a later version is to read it.
        redis.RedisError, django.db.Error: a server does not answer.
    """
    tick = windows.tick + 1
    happened = take_in(windows, tick, store.read_events(tick, is_patient), counters)
    begin("place")
    known = len(windows)
    if not known and happened.mentions:
        # The first sessions of a shard say whose keys they have.
        windows.epoch = current_epoch()
    rows = place_sessions(windows, happened.mentions, tick)
    events = choose_identities(windows, happened.events, rows, known)
    begin("tables")
    session_ids = windows.rows["session_id"]
    touched, seen = store.read_tables(
        session_ids, touched_rows(events, rows), polled_rows(events, rows)
    )
    return TickInput(events, rows, touched, seen, happened.polls)
