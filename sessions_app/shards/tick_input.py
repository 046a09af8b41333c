"""Everything a shard needs to advance to its next tick, read in one call."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import PollName
from sessions_app.shards.admission import admit_events
from sessions_app.shards.placement import place_sessions
from sessions_app.shards.shard_store import ShardStore
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tick_update import Touched, choose_identities, polled_rows, touched_rows
from sessions_app.telemetry.counters import TickCounters


class TickInput(NamedTuple):
    """Arguments of :func:`sessions_app.state.tick_update.advance`, and the names of polls."""

    events: NDArray[np.void]
    rows: NDArray[np.int64]
    touched: Touched
    seen: list[bytes]
    polls: Iterable[PollName]


def read_tick(
    store: ShardStore,
    windows: SessionWindows,
    is_patient: bool,
    counters: TickCounters,
    begin: Callable[[str], None],
    current_epoch: Callable[[], str],
) -> TickInput:
    """The input of the tick after that of the windows, including the sessions it opens.

    Args:
        windows: new sessions are added to them.
        is_patient: whether to leave blocks of a later release to its workers.
        counters: count what is refused or left out.
        begin: called with the name of each stage as it begins.
        current_epoch: of the database; called when a shard gets its first sessions.

    Raises:
        NewerBlockError: there are blocks for a later release.
        redis.RedisError, django.db.Error: a server does not answer.
    """
    tick = windows.tick + 1
    tick_events = admit_events(windows, tick, store.read_events(tick, is_patient), counters)
    begin("place")
    known = len(windows)
    if not known and tick_events.mentions:
        # The first sessions of a shard determine the epoch of its keys.
        windows.epoch = current_epoch()
    rows = place_sessions(windows, tick_events.mentions, tick)
    events = choose_identities(windows, tick_events.events, rows, known)
    begin("tables")
    session_ids = windows.rows["session_id"]
    touched, seen = store.read_tables(
        session_ids, touched_rows(events, rows), polled_rows(events, rows)
    )
    return TickInput(events, rows, touched, seen, tick_events.polls)
