"""Rebuilds a shard's windows from stored data when their own bytes cannot be read.

This lets a release with another format of windows take over without any session appearing silent:
the counts and levels of the last minute are in the metrics, and who is present is in the presence
tables.
"""

from collections.abc import Iterator

import numpy as np
from django.db.models import Max
from django.utils import timezone
from numpy.typing import NDArray

from sessions_app.models import EngagementMetric, Session
from sessions_app.redis_access import keys
from sessions_app.shards.shard_store import ShardStore
from sessions_app.state import presence
from sessions_app.state.session_windows import ROW, SessionWindows, Tombstone
from sessions_app.ticks import SILENCE_TICKS, TICK_MS, WINDOW_TICKS, tick_at, tick_end, tick_ending

_METRIC = ("session_id", "time", "chat_count", "reaction_count", "active_users")
_LATEST = ("total_users", "poll_participation")


def rebuild_windows(store: ShardStore, tick: int, unkeyed: bool = False) -> SessionWindows:
    """The windows of all sessions of the shard that were scored in the last minute.

    Args:
        store: of the shard.
        tick: the last scored one.
        unkeyed: whether identities have no key, for shards that have not recorded it.

    Raises:
        redis.RedisError, django.db.Error: a server does not answer.
    """
    sessions = {session.pk: session for session in _live_sessions(store.shard)}
    rows = _rows(sessions, tick)
    names = [sessions[key].external_id for key in rows["session_id"].tolist()]
    windows = SessionWindows(tick, names, rows, _tombstones(store.shard, tick))
    _count_people(windows, store)
    recorded = store.unkeyed_sessions()
    session_ids = windows.rows["session_id"]
    windows.rows["unkeyed"] = unkeyed if recorded is None else np.isin(session_ids, recorded)
    return windows


def last_stored_tick(shard: int, after: int) -> int | None:
    """The newest tick with a metric of one of the shard's sessions; None if there is none.

    Args:
        shard: its number.
        after: only later ticks are considered.

    Raises:
        django.db.Error: the database does not answer.
    """
    since = tick_end(after)
    found = Session.objects.filter(last_seen_at__gt=since) | Session.objects.live()
    sessions = [
        key
        for key, external_id in found.values_list("pk", "external_id").iterator()
        if keys.shard_of(external_id) == shard
    ]
    metrics = EngagementMetric.objects.filter(session_id__in=sessions, time__gt=since)
    newest = metrics.aggregate(newest=Max("time"))["newest"]
    return None if newest is None else tick_ending(newest)


def _live_sessions(shard: int) -> Iterator[Session]:
    found = Session.objects.live()
    return (session for session in found if keys.shard_of(session.external_id) == shard)


def _rows(sessions: dict[int, Session], tick: int) -> NDArray[np.void]:
    """A row for each session with metrics in the window, filled from them."""
    metrics = EngagementMetric.objects.filter(
        session_id__in=list(sessions),
        time__gt=tick_end(tick - WINDOW_TICKS),
        time__lte=tick_end(tick),
    ).order_by("time")
    index: dict[int, int] = {}
    rows = np.zeros(len(sessions), ROW)
    for key, time, chat, reactions, active, total, participation in metrics.values_list(
        *_METRIC, *_LATEST
    ).iterator():
        row = rows[index.setdefault(key, len(index))]
        bucket = tick_ending(time) % WINDOW_TICKS
        row["chat"][bucket], row["reactions"][bucket] = chat, reactions
        row["active"][bucket], row["total"], row["participation"] = active, total, participation
    rows = rows[: len(index)]
    for key, position in index.items():
        session, row = sessions[key], rows[position]
        row["session_id"], row["event_id"] = key, session.event_id
        row["event_is_known"] = not session.awaits_event
        row["last_seen"] = tick_at(int(session.last_seen_at.timestamp() * 1000))
    return rows


def _tombstones(shard: int, tick: int) -> dict[str, Tombstone]:
    """Sessions that ended by an announcement while they were still active."""
    silent = tick_end(tick - SILENCE_TICKS)
    ended = Session.objects.ended().filter(last_seen_at__gt=silent, ended_at__lte=timezone.now())
    return {
        external_id: Tombstone(key, int(last_seen.timestamp() * 1000) // TICK_MS)
        for key, external_id, last_seen in ended.values_list("pk", "external_id", "last_seen_at")
        if keys.shard_of(external_id) == shard
    }


def _count_people(windows: SessionWindows, store: ShardStore) -> None:
    """Counts who is present from the presence tables; people no longer listed still count.

    If a table is lost too, the users active last are assumed to be connected.
    """
    everybody = np.arange(len(windows))
    touched, _ = store.read_tables(windows.rows["session_id"], everybody, everybody[:0])
    windows.rows["connected"] = windows.active_users()
    table, _ = presence.unpack(everybody, touched.presence, windows.rows, windows.tick)
    known = np.bincount(table.rows, minlength=len(windows))
    total = windows.rows["total"].astype(np.int64)
    windows.rows["forgotten"] = np.maximum(total - known, 0)
    presence.summarise(table, windows.rows, everybody, windows.tick)
