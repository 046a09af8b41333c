"""The installation's secret for identities, and whether sessions are live that began without it."""

import os
from typing import Any

import redis

from sessions_app import keys
from sessions_app.connection import events_client
from sessions_app.heartbeats import OLD_WORKER_IS_GONE_MS, reads_keyed_blocks
from sessions_app.identification import SECRET_BYTES, Identification

# As long as the state of a shard that nobody scores.
UNKEYED_LIFETIME_SECONDS = 86_400


class IdentityKeeper:
    """Keeps up with how events are to be identified.

    A worker of the release before cannot read blocks with keyed identities. While one is at work,
    events are identified as it does.
    """

    def __init__(self) -> None:
        self._old_worker_ms: int | None = None

    def current(self, client: "redis.Redis", now_ms: int) -> Identification:
        """What holds now; makes the secret where there is none.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        secret = client.get(keys.IDENTITY_KEY) or _make_secret(client)
        unkeyed = bool(client.exists(keys.UNKEYED_SESSIONS))
        if not reads_keyed_blocks(client, now_ms):
            self._old_worker_ms = now_ms
        old_worker = (
            self._old_worker_ms is not None and now_ms - self._old_worker_ms < OLD_WORKER_IS_GONE_MS
        )
        return Identification(secret, unkeyed or old_worker, not old_worker)


def note_unkeyed_sessions(client: "redis.Redis") -> None:
    """Has collectors go on telling the identities without a key, too."""
    client.set(keys.UNKEYED_SESSIONS, 1, ex=UNKEYED_LIFETIME_SECONDS)


def _make_secret(client: "redis.Redis") -> bytes:
    # First this: where the secret is, it has been looked for sessions that began without it.
    if _has_state(events_client(client)):
        note_unkeyed_sessions(client)
    client.set(keys.IDENTITY_KEY, os.urandom(SECRET_BYTES), nx=True)
    secret: bytes = client.get(keys.IDENTITY_KEY)
    return secret


def _has_state(events: Any) -> bool:
    with events.pipeline(transaction=False) as pipeline:
        for shard in range(keys.SHARD_COUNT):
            pipeline.exists(keys.scored_tick(shard))
        return any(pipeline.execute())
