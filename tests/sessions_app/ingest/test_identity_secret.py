"""Whose identities have a key: beside old workers, and after state or secret were lost."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import encode_block
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import SECRET_BYTES, Identification
from sessions_app.ingest.identity_secret import OLD_WORKER_SECONDS, IdentityKeeper
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.state.session_windows import ROW, SessionWindows
from sessions_app.telemetry.counters import SET_ASIDE, named, read_counters
from sessions_app.telemetry.heartbeats import WORKER, note_heartbeat
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_all, collector, rows, score_shard
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SHARD = keys.shard_of("s1")
FIRST = tick_at(1_750_000_000_000)
PEOPLE = 5
OLD = Identification(bytes(SECRET_BYTES), unkeyed_too=True, keyed_too=False)


@pytest.fixture(autouse=True)
def _empty_server(redis_client: redis.Redis) -> None:
    """Also for tests that do not name it."""


def look(client: redis.Redis, keeper: IdentityKeeper | None = None) -> Identification:
    """What a collector goes by that starts now, or has run."""
    return (keeper or IdentityKeeper()).current(client, server_time_ms(client))


def old_worker_ticks(client: redis.Redis) -> None:
    client.hset(keys.HEARTBEATS, WORKER, server_time_ms(client) + 1)


def passes(client: redis.Redis, seconds: int) -> None:
    """Lets what is noted of old workers get older."""
    left = client.ttl(keys.OLD_WORKER)
    if left > seconds:
        client.expire(keys.OLD_WORKER, left - seconds)
    elif left >= 0:
        client.delete(keys.OLD_WORKER)


def of_version_2(windows: SessionWindows) -> bytes:
    before = np.dtype([(name, ROW[name]) for name in (ROW.names or ())[:-2]])
    rows = np.zeros(len(windows), before)
    for name in before.names or ():
        rows[name] = windows.rows[name]
    stored = (2, windows.tick, windows.external_ids, rows.tobytes(), {})
    return msgspec.msgpack.encode(stored)


def read_windows(client: redis.Redis) -> SessionWindows:
    return SessionWindows.from_bytes(client.get(keys.shard_windows(SHARD)) or b"")


def damage_windows(client: redis.Redis) -> None:
    client.set(keys.shard_windows(SHARD), b"junk")


def play(client: redis.Redis, tick: int, *payloads: tuple[str, Any]) -> None:
    """What happens in a tick, from the streams to the scores, with a collector that starts anew."""
    with collector() as running:
        for channel, payload in payloads:
            post(client, channel, payload, f"{(FIRST + tick) * TICK_MS + 1}-*")
        collect_all(client, running)
    score_shard(client, SHARD, FIRST + tick)


def everybody(kind: str) -> list[tuple[str, Any]]:
    return [(keys.SYNC_EVENTS, user(kind, f"u{number}")) for number in range(PEOPLE)]


def as_the_release_before(client: redis.Redis) -> None:
    """A session with its people, as that release leaves it: no secret, no keys."""
    builder = BatchBuilder(OLD)
    for number in range(PEOPLE):
        event = PlatformEvent(EventKind.JOIN, "s1", "e1", f"u{number}")
        builder.add(event, 3, FIRST * TICK_MS + 1, number)
    ((_, block),) = builder.blocks()
    client.rpush(keys.arrivals(SHARD, FIRST), encode_block(block))
    score_shard(client, SHARD, FIRST)
    client.set(keys.shard_windows(SHARD), of_version_2(read_windows(client)))
    client.delete(keys.shard_unkeyed(SHARD), keys.UNKEYED_SESSIONS, keys.IDENTITY_KEY)


def total_users() -> list[int]:
    return [row.total_users for row in rows()]


def test_a_collector_that_starts_in_the_middle_of_an_upgrade_knows_of_old_workers(
    redis_client: redis.Redis,
) -> None:
    old_worker_ticks(redis_client)
    assert not look(redis_client).keyed_too
    note_heartbeat(redis_client, WORKER)  # the last tick was a new worker's
    assert not look(redis_client).keyed_too
    passes(redis_client, OLD_WORKER_SECONDS)
    assert look(redis_client).keyed_too


def test_one_old_worker_among_many_new_ones_is_noticed_by_what_it_writes(
    redis_client: redis.Redis,
) -> None:
    play(redis_client, 0, *everybody("user_join"))
    redis_client.set(keys.shard_windows(SHARD), of_version_2(read_windows(redis_client)))
    note_heartbeat(redis_client, WORKER)
    assert look(redis_client).keyed_too
    score_shard(redis_client, SHARD, FIRST + 1)
    assert look(redis_client) == look(redis_client)._replace(unkeyed_too=True, keyed_too=False)
    score_shard(redis_client, SHARD, FIRST + 2)
    passes(redis_client, OLD_WORKER_SECONDS)
    assert look(redis_client) == look(redis_client)._replace(unkeyed_too=True, keyed_too=True)


def test_state_of_the_release_before_is_a_sign_of_its_workers(redis_client: redis.Redis) -> None:
    as_the_release_before(redis_client)
    assert not look(redis_client).keyed_too


@pytest.mark.parametrize("ticks_before", [0, 1])
def test_a_session_from_before_the_upgrade_is_rebuilt_with_the_same_people(
    redis_client: redis.Redis, ticks_before: int
) -> None:
    as_the_release_before(redis_client)
    for tick in range(1, 1 + ticks_before):
        play(redis_client, tick, (keys.CHAT_MESSAGE, chat("m1", "u0")))
    damage_windows(redis_client)
    passes(redis_client, OLD_WORKER_SECONDS)
    play(redis_client, 1 + ticks_before, *everybody("typing"))
    assert total_users()[-1] == PEOPLE


def test_a_session_that_began_with_a_key_is_rebuilt_with_the_same_people(
    redis_client: redis.Redis,
) -> None:
    look(redis_client)
    redis_client.set(keys.UNKEYED_SESSIONS, 1)  # others began without
    play(redis_client, 0, *everybody("user_join"))
    damage_windows(redis_client)
    play(redis_client, 1, *everybody("typing"))
    assert total_users() == [PEOPLE, PEOPLE]
    assert not read_windows(redis_client).rows["unkeyed"].any()


Damage = Callable[[redis.Redis], object]
DAMAGES: dict[str, Damage] = {
    "too short": lambda client: client.set(keys.IDENTITY_KEY, b"short"),
    "too long": lambda client: client.append(keys.IDENTITY_KEY, b"x"),
    "empty": lambda client: client.set(keys.IDENTITY_KEY, b""),
    "of another type": lambda client: (
        client.delete(keys.IDENTITY_KEY),
        client.rpush(keys.IDENTITY_KEY, b"x"),
    ),
    "gone": lambda client: client.delete(keys.IDENTITY_KEY),
}


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest) -> Damage:
    return DAMAGES[request.param]


def test_a_collector_brings_back_the_secret_that_it_knows(
    redis_client: redis.Redis, damage: Damage
) -> None:
    keeper = IdentityKeeper()
    before = look(redis_client, keeper)
    damage(redis_client)
    assert look(redis_client, keeper) == before
    assert look(redis_client) == before


def test_without_the_secret_people_count_on_and_nobody_counts_twice(
    redis_client: redis.Redis, damage: Damage
) -> None:
    play(redis_client, 0, *everybody("user_join"))
    damage(redis_client)
    play(redis_client, 1, *everybody("typing"))
    play(redis_client, 2, *everybody("user_leave"))
    assert [(row.active_users, row.total_users) for row in rows()] == [
        (PEOPLE, PEOPLE),
        (PEOPLE, PEOPLE),
        (0, PEOPLE),
    ]
    assert len(redis_client.get(keys.IDENTITY_KEY) or b"") == SECRET_BYTES


def test_what_cannot_be_the_secret_is_kept_and_counted(redis_client: redis.Redis) -> None:
    look(redis_client)
    redis_client.set(keys.IDENTITY_KEY, b"short")
    look(redis_client)
    assert redis_client.get(keys.DAMAGED_IDENTITY_KEY) == b"short"
    assert read_counters(redis_client)[named(SET_ASIDE, "identity-key")] == 1


def test_a_tick_that_began_with_lost_identities_is_scored_anew(redis_client: redis.Redis) -> None:
    play(redis_client, 0, *everybody("user_join"))
    redis_client.delete(keys.IDENTITY_KEY)
    with redis_client.pipeline() as pipeline:
        pipeline.watch(keys.scored_tick(SHARD))
        look(redis_client)
        pipeline.multi()
        pipeline.set("written", 1)
        with pytest.raises(redis.WatchError):
            pipeline.execute()


def test_a_worker_that_was_first_is_no_reason_to_do_without_keys(redis_client: redis.Redis) -> None:
    score_shard(redis_client, SHARD, FIRST)
    assert look(redis_client) == look(redis_client)._replace(unkeyed_too=False, keyed_too=True)
