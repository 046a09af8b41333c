"""Every name that is used on Redis, in one place.

Keys of a shard share the hash tag ``{shard}``, so that they lie on one node of a Redis Cluster and
can be changed in one transaction.
"""

import zlib
from collections.abc import Callable

CHAT_MESSAGE = "platform.events.chat.message.v1"
POLL_VOTE = "platform.events.poll.vote.v1"
POLL_CLOSED = "platform.events.poll.closed.v1"
SYNC_EVENTS = "sync-events"
LIVE_SYNC = "platform.events.live.sync.v1"
LIVE_REACTION = "platform.events.live.reaction.v1"
# The position of a name is stored with its events: append, never reorder.
CHANNELS = (CHAT_MESSAGE, POLL_VOTE, POLL_CLOSED, SYNC_EVENTS, LIVE_SYNC, LIVE_REACTION)

ENGAGEMENT_UPDATE = "engagement:update"
ANOMALY_DETECTED = "anomaly:detected"
ANOMALY_UPDATED = "anomaly:updated"

# Long after every session of a shard that nobody scores any more has ended.
STATE_LIFETIME_SECONDS = 86_400

CONSUMER_GROUP = "engagement-conductor"
DEAD_LETTERS = "engagement:dead-letters"
COLLECTORS = "engagement:collectors"
COLLECTOR_TOTALS = "engagement:collector-totals"
HEARTBEATS = "engagement:heartbeats"
UNWRITTEN_LOGS = "engagement:unwritten-logs"
FIGURES = "engagement:figures"
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

# What each of them is; whatever else lies there is moved out of the way.
TYPES = {
    DEAD_LETTERS: "stream",
    COLLECTORS: "zset",
    COLLECTOR_TOTALS: "hash",
    HEARTBEATS: "hash",
    UNWRITTEN_LOGS: "zset",
    FIGURES: "hash",
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
    """Where something lies that is not of the type of its name: on the same node of a cluster."""
    return f"engagement:misplaced:{{{name}}}"


def api_requests(token: int, minute: int) -> str:
    """String: how many requests a token has made in a minute."""
    return f"engagement:api:{token}:{minute}"


def announced_change(anomaly_id: str, change: str, time: str) -> str:
    """String: exists when the platform has been told of this change of an anomaly."""
    return f"engagement:announced:{anomaly_id}:{change}:{time}"


def collector_status(name: str) -> str:
    """Hash: what one collector reports of itself."""
    return f"engagement:collector:{name}"


def arrivals(shard: int, tick: int) -> str:
    """List: blocks of events of one tick, as the collectors wrote them."""
    return f"engagement:{{{shard}}}:arrivals:{tick}"


def late_arrivals(shard: int) -> str:
    """List: blocks that came when their tick had been scored."""
    return f"engagement:{{{shard}}}:late"


def scored_tick(shard: int) -> str:
    """String: the last tick that the shard's state contains."""
    return f"engagement:{{{shard}}}:scored"


def shard_windows(shard: int) -> str:
    """String: the arrays of all live sessions of the shard."""
    return f"engagement:{{{shard}}}:windows"


def shard_detector(shard: int) -> str:
    """String: what the detector remembers of the shard's sessions."""
    return f"engagement:{{{shard}}}:detector"


def shard_unkeyed(shard: int) -> str:
    """String: database keys of the sessions of the shard whose identities have no key."""
    return f"engagement:{{{shard}}}:unkeyed"


def shard_audiences(shard: int) -> str:
    """Hash: one packed table of users per live session."""
    return f"engagement:{{{shard}}}:audiences"


def shard_polls(shard: int) -> str:
    """Hash: one packed table of polls per session that had any."""
    return f"engagement:{{{shard}}}:polls"


def shard_voters(shard: int) -> str:
    """Hash: one packed table of who voted on which open poll, per session that has one."""
    return f"engagement:{{{shard}}}:voters"


def shard_ballots(shard: int) -> str:
    """Hash: what the release before wrote in place of :func:`shard_voters`; only read."""
    return f"engagement:{{{shard}}}:ballots"


def shard_set_aside(shard: int) -> str:
    """List: tables of the shard that could not be read, the newest last."""
    return f"engagement:{{{shard}}}:set-aside"


def shard_identities(shard: int) -> str:
    """List: identities of the events that were counted, one element per tick."""
    return f"engagement:{{{shard}}}:identities"


def shard_strays(shard: int) -> str:
    """List: entries that counted in another tick than their IDs tell, one element per tick."""
    return f"engagement:{{{shard}}}:strays"


def unreadable_blocks(shard: int) -> str:
    """List: blocks of events that no worker could read."""
    return f"engagement:{{{shard}}}:unreadable"


def shard_outbox(shard: int) -> str:
    """String: results of the last tick until they are stored and published."""
    return f"engagement:{{{shard}}}:outbox"


def shard_probe(shard: int) -> str:
    """String: written to see whether the shard takes blocks of events."""
    return f"engagement:{{{shard}}}:probe"


def shard_lock(shard: int) -> str:
    """String: which worker is at the shard."""
    return f"engagement:{{{shard}}}:lock"


def set_aside(shard: int, what: str) -> str:
    """What was taken out of a shard because it could not be worked on, as it was."""
    return f"engagement:{{{shard}}}:set-aside:{what}"


# What each key of a shard is. The lock comes and goes, and is looked at apart.
SHARD_TYPES: dict[Callable[[int], str], str] = {
    late_arrivals: "list",
    scored_tick: "string",
    shard_windows: "string",
    shard_detector: "string",
    shard_audiences: "hash",
    shard_polls: "hash",
    shard_voters: "hash",
    shard_ballots: "hash",
    shard_set_aside: "list",
    shard_identities: "list",
    shard_strays: "list",
    unreadable_blocks: "list",
    shard_outbox: "string",
    shard_unkeyed: "string",
}
# All that a shard remembers from one tick to the next, but the number of the tick.
SHARD_STATE = (
    shard_windows,
    shard_detector,
    shard_audiences,
    shard_polls,
    shard_voters,
    shard_ballots,
    shard_identities,
    shard_strays,
)


def tables_of_shard(shard: int) -> tuple[str, ...]:
    """The hashes of a shard that have a table for each session."""
    return shard_audiences(shard), shard_polls(shard), shard_voters(shard), shard_ballots(shard)


def part_of_shard(key: str) -> str:
    """A word for a shard's key."""
    return key.rpartition(":")[2]
