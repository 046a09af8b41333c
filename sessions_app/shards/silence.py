"""Which sessions are live, as the shards know it: the database is told once a minute only.

So a session of which the database has not heard for long was not silent where there was an outage.
"""

from collections.abc import Mapping
from typing import Any

from sessions_app.redis_access import keys
from sessions_app.state.session_windows import SessionWindows, UnknownStateError
from sessions_app.telemetry.readings import Readings

SCORING_IS_CURRENT_TICKS = 12


def known_sessions(events: Any, current_tick: int) -> dict[int, frozenset[str]]:
    """The live sessions of each shard that knows them now, by the platform's IDs.

    A shard is missing that lags behind, or whose last results are not stored yet.

    Args:
        events: a client of the nodes that have the shards.
        current_tick: the one that is going on.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    known = {}
    for shard in range(keys.SHARD_COUNT):
        names = _live_names(events, shard, current_tick)
        if names is not None:
            known[shard] = names
    return known


def _live_names(events: Any, shard: int, current_tick: int) -> frozenset[str] | None:
    key = keys.shard_windows(shard)
    stored = Readings().read(key, lambda: events.get(key), None)
    if stored is None or events.exists(keys.shard_outbox(shard)):
        return None
    try:
        windows = SessionWindows.from_bytes(stored)
    except UnknownStateError:
        return None
    if current_tick - windows.tick > SCORING_IS_CURRENT_TICKS:
        return None
    return frozenset(windows.external_ids)


def may_be_live(external_id: str, known: Mapping[int, frozenset[str]]) -> bool:
    """Whether a session is live, or in a shard of which that is not known.

    Args:
        known: of :func:`known_sessions`.
    """
    shard = keys.shard_of(external_id)
    return shard not in known or external_id in known[shard]
