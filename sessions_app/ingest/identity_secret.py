"""The installation's secret for identities, and who still does without it.

Sessions that began under the release before have identities without a key, and a worker of that
release cannot read blocks with keyed ones: it drops them without a word.
"""

import logging
import os

import redis

from sessions_app.events.identification import SECRET_BYTES, Identification
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import events_client, shard_client
from sessions_app.state.session_windows import VERSION, stored_version
from sessions_app.telemetry.counters import SET_ASIDE, named
from sessions_app.telemetry.heartbeats import reads_keyed_blocks
from sessions_app.telemetry.once_a_minute import log_once_a_minute

logger = logging.getLogger(__name__)

# As long as the state of a shard that nobody scores.
UNKEYED_LIFETIME_SECONDS = 86_400
# After so long without a sign of an old worker there is none. Of some 240 tasks in that time even
# one among thirty workers has at least one all but surely, and leaves windows of its own.
OLD_WORKER_SECONDS = 300

# What cannot be the secret gets another name, so that it can be looked at. Answers 1 then, 0 where
# there is none, and otherwise the secret.
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
    """Keeps up with how events are to be identified.

    While a worker of the release before may be at work, events are identified as it does.
    """

    def __init__(self) -> None:
        self._secret: bytes | None = None

    def current(self, client: "redis.Redis", now_ms: int) -> Identification:
        """What holds now; makes the secret where there is none.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        self._secret = self._kept(client)
        if not reads_keyed_blocks(client, now_ms):
            note_old_worker(client)
        # All collectors go by the same key: they must not tell people in different ways.
        old_worker = bool(client.exists(keys.OLD_WORKER))
        unkeyed = bool(client.exists(keys.UNKEYED_SESSIONS))
        return Identification(self._secret, unkeyed or old_worker, not old_worker)

    def _kept(self, client: "redis.Redis") -> bytes:
        while (secret := _stored_secret(client)) is None:
            if self._secret is None:
                _prepare_for_new_secret(client)
            # Whoever still has the one that was lost brings it back: people stay the same.
            client.set(keys.IDENTITY_KEY, self._secret or os.urandom(SECRET_BYTES), nx=True)
        return secret


def note_unkeyed_sessions(client: "redis.Redis") -> None:
    """Has collectors go on telling the identities without a key, too.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.set(keys.UNKEYED_SESSIONS, 1, ex=UNKEYED_LIFETIME_SECONDS)


def note_old_worker(client: "redis.Redis") -> None:
    """Has collectors do without keys for a while: a worker of the release before was at work.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    note_unkeyed_sessions(client)
    client.set(keys.OLD_WORKER, 1, ex=OLD_WORKER_SECONDS)


def may_be_unkeyed(client: "redis.Redis") -> bool:
    """Whether sessions may be live whose identities have no key.

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
        client.hincrbyfloat(keys.FIGURES, named(SET_ASIDE, "identity-key"), 1)
        text = "%s is no secret of %d bytes: it is %s now, and another takes its place."
        log_once_a_minute(logger, logging.ERROR, text, names[0], SECRET_BYTES, names[1])
    return None


def _prepare_for_new_secret(client: "redis.Redis") -> None:
    """To be done before there is one: where it is, nobody looks for what was there before."""
    state = _state(client)
    if any(version != VERSION for version, _ in state.values()):
        note_old_worker(client)
    nameless = [shard for shard, found in state.items() if found == (VERSION, True)]
    if not nameless:
        return
    note_unkeyed_sessions(client)
    for shard in nameless:
        # Its people were told by a secret that is lost. As unnamed ones they count once.
        _forget_people(shard_client(client, shard), shard)
    logger.error("The secret of identities is lost: shards %s know nobody by name.", nameless)


def _forget_people(node: "redis.Redis", shard: int) -> None:
    """Forgets who is in the sessions of a shard; how many they are is in the windows.

    Also what a worker has read of them that is in the middle of a tick: it begins again.
    """
    with node.pipeline(transaction=True) as pipeline:
        pipeline.delete(*keys.tables_of_shard(shard), keys.shard_identities(shard))
        # Such a worker watches this key.
        pipeline.expire(keys.scored_tick(shard), keys.STATE_LIFETIME_SECONDS)
        pipeline.execute()


def _state(client: "redis.Redis") -> dict[int, tuple[int | None, bool]]:
    """Of each shard that has been scored: the version of its windows, and whether it has people."""
    with events_client(client).pipeline(transaction=False) as pipeline:
        for shard in range(keys.SHARD_COUNT):
            pipeline.exists(keys.scored_tick(shard))
            pipeline.getrange(keys.shard_windows(shard), 0, 1)
            pipeline.exists(keys.shard_audiences(shard))
        answers = pipeline.execute()
    found = zip(answers[::3], answers[1::3], answers[2::3], strict=True)
    return {
        shard: (stored_version(beginning), bool(people))
        for shard, (scored, beginning, people) in enumerate(found)
        if scored
    }
