"""The installation's secret key for identities, and compatibility with a release without one.

Sessions that began under that release have identities without a key, and its workers cannot read
blocks with keyed identities: they silently drop them.
"""

import logging
import os

import redis

from sessions_app.events.identification import SECRET_BYTES, Identification
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client, shard_client
from sessions_app.state.session_windows import VERSION, stored_version
from sessions_app.telemetry.counters import SET_ASIDE, named
from sessions_app.telemetry.heartbeats import reads_keyed_blocks
from sessions_app.telemetry.once_a_minute import log_once_a_minute

logger = logging.getLogger(__name__)

# As long as the state of a shard that is no longer scored.
UNKEYED_LIFETIME_SECONDS = 86_400
# After this long without a sign of an old worker, there is none. Of the 240 or so tasks in that
# time, even one of thirty workers almost surely gets one, and leaves windows of its version.
OLD_WORKER_SECONDS = 300

# A value that cannot be the secret is renamed for inspection. Returns 1 in that case, 0 if there is
# none, and otherwise the secret.
_READ = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return 0 end
if kind == 'string' and redis.call('STRLEN', KEYS[1]) == tonumber(ARGV[1]) then
    return redis.call('GET', KEYS[1])
end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
"""


class IdentityKeeper:
    """Determines how events are to be identified.

    While a worker of the release before may be running, events are identified as it expects.
    """

    def __init__(self) -> None:
        self._secret: bytes | None = None

    def current(self, client: "redis.Redis", now_ms: int) -> Identification:
        """The current identification; creates the secret if there is none.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        self._secret = self._kept(client)
        if not reads_keyed_blocks(client, now_ms):
            note_old_worker(client)
        # All collectors follow the same key, as they must identify users in the same way.
        old_worker = bool(client.exists(keys.OLD_WORKER))
        unkeyed = bool(client.exists(keys.UNKEYED_SESSIONS))
        return Identification(self._secret, unkeyed or old_worker, not old_worker)

    def _kept(self, client: "redis.Redis") -> bytes:
        while (secret := _stored_secret(client)) is None:
            if self._secret is None:
                _prepare_for_new_secret(client)
            # A collector that still has a lost secret restores it: identities stay the same.
            client.set(keys.IDENTITY_KEY, self._secret or os.urandom(SECRET_BYTES), nx=True)
        return secret


def note_unkeyed_sessions(client: "redis.Redis") -> None:
    """Makes collectors also send identities without a key.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.set(keys.UNKEYED_SESSIONS, 1, ex=UNKEYED_LIFETIME_SECONDS)


def note_old_worker(client: "redis.Redis") -> None:
    """Makes collectors do without keys for a while, as a worker of the release before was seen.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    note_unkeyed_sessions(client)
    client.set(keys.OLD_WORKER, 1, ex=OLD_WORKER_SECONDS)


def may_be_unkeyed(client: "redis.Redis") -> bool:
    """Whether there may be live sessions whose identities have no key.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return bool(client.exists(keys.UNKEYED_SESSIONS)) or not client.exists(keys.IDENTITY_KEY)


def _stored_secret(client: "redis.Redis") -> bytes | None:
    names = (keys.IDENTITY_KEY, keys.DAMAGED_IDENTITY_KEY)
    answer = client.eval(_READ, len(names), *names, SECRET_BYTES)
    if isinstance(answer, bytes):
        return answer
    if answer:
        client.hincrbyfloat(keys.COUNTERS, named(SET_ASIDE, "identity-key"), 1)
        text = "%s is not a secret of %d bytes: renamed to %s and replaced."
        log_once_a_minute(logger, logging.ERROR, text, names[0], SECRET_BYTES, names[1])
    return None


def _prepare_for_new_secret(client: "redis.Redis") -> None:
    """Records which shards have old windows or unknown users, before the secret is created."""
    state = _state(client)
    if any(version != VERSION for version, _ in state.values()):
        note_old_worker(client)
    unnamed = [shard for shard, found in state.items() if found == (VERSION, True)]
    if not unnamed:
        return
    note_unkeyed_sessions(client)
    for shard in unnamed:
        # Its users were identified with the lost secret. As unnamed users they count once.
        _forget_users(shard_client(client, shard), shard)
    logger.error("The identity secret was lost: shards %s no longer know their users.", unnamed)


def _forget_users(node: "redis.Redis", shard: int) -> None:
    """Forgets who is in the sessions of a shard; the windows still have their numbers.

    A worker in the middle of a tick has to start the tick again.
    """
    with node.pipeline(transaction=True) as pipeline:
        pipeline.delete(*keys.tables_of_shard(shard), keys.shard_identities(shard))
        # Touches the key that such a worker watches.
        pipeline.expire(keys.scored_tick(shard), keys.STATE_LIFETIME_SECONDS)
        pipeline.execute()


def _state(client: "redis.Redis") -> dict[int, tuple[int | None, bool]]:
    """For each scored shard: the version of its windows, and whether it has presence tables."""
    with cluster_client(client).pipeline(transaction=False) as pipeline:
        for shard in range(keys.SHARD_COUNT):
            pipeline.exists(keys.scored_tick(shard))
            pipeline.getrange(keys.shard_windows(shard), 0, 1)
            pipeline.exists(keys.shard_presence(shard))
        answers = pipeline.execute()
    found = zip(answers[::3], answers[1::3], answers[2::3], strict=True)
    return {
        shard: (stored_version(beginning), bool(presence))
        for shard, (scored, beginning, presence) in enumerate(found)
        if scored
    }
