"""Live sessions according to the shards, as the database is updated only once a minute.

After an outage of the database, a session may look silent there that was not.
"""

from collections.abc import Mapping
from typing import Any

from sessions_app.redis_access import keys
from sessions_app.state.session_windows import SessionWindows, UnknownStateError
from sessions_app.telemetry.readings import Readings

SCORING_IS_CURRENT_TICKS = 12


def live_sessions_by_shard(cluster: Any, current_tick: int) -> dict[int, frozenset[str]]:
    """The live sessions of each up-to-date shard, by the platform's IDs.

    Shards that lag behind, or whose last results are not stored yet, are missing.

    Args:
        cluster: client of the nodes with the shards.
        current_tick: the tick in progress.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    known = {}
    for shard in range(keys.SHARD_COUNT):
        names = _live_names(cluster, shard, current_tick)
        if names is not None:
            known[shard] = names
    return known


def _live_names(cluster: Any, shard: int, current_tick: int) -> frozenset[str] | None:
    key = keys.shard_windows(shard)
    stored = Readings().read(key, lambda: cluster.get(key), None)
    if stored is None or cluster.exists(keys.shard_outbox(shard)):
        return None
    try:
        windows = SessionWindows.from_bytes(stored)
    except UnknownStateError:
        return None
    if current_tick - windows.tick > SCORING_IS_CURRENT_TICKS:
        return None
    return frozenset(windows.external_ids)


def may_be_live(external_id: str, known: Mapping[int, frozenset[str]]) -> bool:
    """Whether a session is live, or in a shard whose live sessions are unknown.

    Args:
        known: of :func:`live_sessions_by_shard`.
    """
    shard = keys.shard_of(external_id)
    return shard not in known or external_id in known[shard]
