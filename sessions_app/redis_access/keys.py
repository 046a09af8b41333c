"""All names used on Redis.

Keys of a shard share the hash tag ``{shard}``, so that they are on one node of a Redis Cluster and
can be updated in one transaction.
"""

import zlib
from collections.abc import Callable

CHAT_MESSAGE = "platform.events.chat.message.v1"
POLL_VOTE = "platform.events.poll.vote.v1"
POLL_CLOSED = "platform.events.poll.closed.v1"
SYNC_EVENTS = "sync-events"
LIVE_SYNC = "platform.events.live.sync.v1"
LIVE_REACTION = "platform.events.live.reaction.v1"
# The index of a name is stored with its events: append, never reorder.
CHANNELS = (CHAT_MESSAGE, POLL_VOTE, POLL_CLOSED, SYNC_EVENTS, LIVE_SYNC, LIVE_REACTION)

ENGAGEMENT_UPDATE = "engagement:update"
ANOMALY_DETECTED = "anomaly:detected"
ANOMALY_UPDATED = "anomaly:updated"

# Long after all sessions of a shard that is no longer scored have ended.
STATE_LIFETIME_SECONDS = 86_400

CONSUMER_GROUP = "engagement-conductor"
DEAD_LETTERS = "engagement:dead-letters"
COLLECTORS = "engagement:collectors"
COLLECTOR_TOTALS = "engagement:collector-totals"
HEARTBEATS = "engagement:heartbeats"
UNWRITTEN_LOGS = "engagement:unwritten-logs"
COUNTERS = "engagement:figures"
SUBSCRIBER_LEASE = "engagement:subscriber-lease"
SUBSCRIBER_READ = "engagement:subscriber-read"
WATCHED_GROUPS = "engagement:watched"
OPEN_SOCKETS = "engagement:open-sockets"
SHARD_FAILURES = "engagement:shard-failures"
SHARD_SECONDS = "engagement:shard-seconds"
SHARDS_AT_WORK = "engagement:shards-at-work"
SHARDS_SET_ASIDE = "engagement:shards-set-aside"
SLOW_LANE = "engagement:slow-lane"
DATABASE_EPOCH = "engagement:database-epoch"
DATABASE_CHANGED = "engagement:database-changed"
IDENTITY_KEY = "engagement:identity-key"
DAMAGED_IDENTITY_KEY = "engagement:set-aside:identity-key"
UNKEYED_SESSIONS = "engagement:unkeyed-sessions"
OLD_WORKER = "engagement:old-worker"

# The type of each key; values of another type are moved aside.
TYPES = {
    DEAD_LETTERS: "stream",
    COLLECTORS: "zset",
    COLLECTOR_TOTALS: "hash",
    HEARTBEATS: "hash",
    UNWRITTEN_LOGS: "zset",
    COUNTERS: "hash",
    SUBSCRIBER_LEASE: "string",
    SUBSCRIBER_READ: "string",
    WATCHED_GROUPS: "zset",
    OPEN_SOCKETS: "zset",
    SHARD_FAILURES: "hash",
    SHARD_SECONDS: "hash",
    SHARDS_AT_WORK: "hash",
    SHARDS_SET_ASIDE: "hash",
    SLOW_LANE: "string",
    DATABASE_EPOCH: "hash",
    DATABASE_CHANGED: "string",
    IDENTITY_KEY: "string",
    UNKEYED_SESSIONS: "string",
    OLD_WORKER: "string",
}

SHARD_COUNT = 16


def shard_of(session_id: str) -> int:
    """The shard of a session, the same in every process and version."""
    return zlib.crc32(session_id.encode("utf-8")) % SHARD_COUNT


def misplaced(name: str) -> str:
    """Where a value of the wrong type is moved, on the same node of a cluster."""
    return f"engagement:misplaced:{{{name}}}"


def api_requests(token: int, minute: int) -> str:
    """String: number of requests of a token in a minute."""
    return f"engagement:api:{token}:{minute}"


def announced_change(anomaly_id: str, change: str, time: str) -> str:
    """String: exists if this change of an anomaly was published to the platform."""
    return f"engagement:announced:{anomaly_id}:{change}:{time}"


def collector_status(name: str) -> str:
    """Hash: status report of a collector."""
    return f"engagement:collector:{name}"


def arrivals(shard: int, tick: int) -> str:
    """List: blocks of events of one tick, as written by the collectors."""
    return f"engagement:{{{shard}}}:arrivals:{tick}"


def late_arrivals(shard: int) -> str:
    """List: blocks that arrived after their tick was scored."""
    return f"engagement:{{{shard}}}:late"


def scored_tick(shard: int) -> str:
    """String: the last tick contained in the shard's state."""
    return f"engagement:{{{shard}}}:scored"


def shard_windows(shard: int) -> str:
    """String: windows of all live sessions of the shard."""
    return f"engagement:{{{shard}}}:windows"


def shard_detector(shard: int) -> str:
    """String: state of the detector for the shard's sessions."""
    return f"engagement:{{{shard}}}:detector"


def shard_unkeyed(shard: int) -> str:
    """String: database keys of the sessions of the shard whose identities have no key."""
    return f"engagement:{{{shard}}}:unkeyed"


def shard_presence(shard: int) -> str:
    """Hash: one packed table of users per live session."""
    return f"engagement:{{{shard}}}:audiences"


def shard_polls(shard: int) -> str:
    """Hash: one packed table of polls per session with polls."""
    return f"engagement:{{{shard}}}:polls"


def shard_voters(shard: int) -> str:
    """Hash: one packed table of voters per session with open polls."""
    return f"engagement:{{{shard}}}:voters"


def shard_votes(shard: int) -> str:
    """Hash: written by an earlier release in place of :func:`shard_voters`; only read."""
    return f"engagement:{{{shard}}}:ballots"


def shard_set_aside(shard: int) -> str:
    """List: unreadable tables of the shard, the newest last."""
    return f"engagement:{{{shard}}}:set-aside"


def shard_identities(shard: int) -> str:
    """List: identities of counted events, one element per tick."""
    return f"engagement:{{{shard}}}:identities"


def shard_strays(shard: int) -> str:
    """List: entries counted in a tick other than that of their IDs, one element per tick."""
    return f"engagement:{{{shard}}}:strays"


def unreadable_blocks(shard: int) -> str:
    """List: blocks of events that no worker could read."""
    return f"engagement:{{{shard}}}:unreadable"


def shard_outbox(shard: int) -> str:
    """String: outcome of the last tick until it is delivered."""
    return f"engagement:{{{shard}}}:outbox"


def shard_probe(shard: int) -> str:
    """String: written to test whether the shard accepts writes."""
    return f"engagement:{{{shard}}}:probe"


def shard_lock(shard: int) -> str:
    """String: lock of the worker that is scoring the shard."""
    return f"engagement:{{{shard}}}:lock"


def set_aside(shard: int, what: str) -> str:
    """A quarantined part of a shard, unchanged."""
    return f"engagement:{{{shard}}}:set-aside:{what}"


# The type of each key of a shard. The lock is checked separately.
SHARD_TYPES: dict[Callable[[int], str], str] = {
    late_arrivals: "list",
    scored_tick: "string",
    shard_windows: "string",
    shard_detector: "string",
    shard_presence: "hash",
    shard_polls: "hash",
    shard_voters: "hash",
    shard_votes: "hash",
    shard_set_aside: "list",
    shard_identities: "list",
    shard_strays: "list",
    unreadable_blocks: "list",
    shard_outbox: "string",
    shard_unkeyed: "string",
}
# The state of a shard between ticks, except the number of the tick.
SHARD_STATE = (
    shard_windows,
    shard_detector,
    shard_presence,
    shard_polls,
    shard_voters,
    shard_votes,
    shard_identities,
    shard_strays,
)


def tables_of_shard(shard: int) -> tuple[str, ...]:
    """The hashes of a shard with a table for each session."""
    return shard_presence(shard), shard_polls(shard), shard_voters(shard), shard_votes(shard)


def part_of_shard(key: str) -> str:
    """A word for a shard's key."""
    return key.rpartition(":")[2]
