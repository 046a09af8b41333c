"""What counts for nothing is counted as such: with its reason, and once."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import redis

from engagement_conductor.pipeline.catching_up import ShardFailedError
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import (
    AFTER_END,
    LEFT_OUT,
    POLL_CLOSED,
    REFUSED,
    SESSION_GONE,
    UNKNOWN_END,
    named,
    read_counters,
)
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import (
    collect,
    collect_all,
    collect_chat,
    collector,
    failing,
    score_all,
    score_shard,
    start_of,
    total,
)
from tests.platform import chat, closed, ended, post, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

FIRST = tick_at(1_750_000_000_000)
SHARD = keys.shard_of("s1")
NEIGHBOURS = [name for name in map("n{}".format, range(200)) if keys.shard_of(name) == SHARD]
Happened = tuple[str, Any]
SAID_AFTER_THE_END = [
    [(keys.CHAT_MESSAGE, chat("m1")), (keys.SYNC_EVENTS, ended())],
    [(keys.CHAT_MESSAGE, chat(f"late{number}")) for number in range(3)],
]


@pytest.fixture
def play(redis_client: redis.Redis) -> Callable[[list[list[Happened]]], None]:
    """Posts what happened in each tick, and scores it."""

    def scored(ticks: list[list[Happened]]) -> None:
        with collector() as running:
            for tick, happened in enumerate(ticks, FIRST):
                for channel, payload in happened:
                    post(redis_client, channel, payload, f"{tick * TICK_MS + 1}-*")
            collect_all(redis_client, running)
        for tick in range(FIRST, FIRST + len(ticks)):
            score_shard(redis_client, SHARD, tick)

    return scored


def left_out(client: redis.Redis, reason: str) -> float:
    return read_counters(client).get(named(LEFT_OUT, reason), 0)


@pytest.mark.parametrize(
    ("reason", "ticks", "number"),
    [
        (AFTER_END, SAID_AFTER_THE_END, 3),
        (UNKNOWN_END, [[(keys.SYNC_EVENTS, ended())]], 1),
        (
            POLL_CLOSED,
            [
                [(keys.POLL_VOTE, vote("u1"))],
                [(keys.POLL_CLOSED, closed())],
                [(keys.POLL_VOTE, vote("u2")), (keys.POLL_VOTE, vote("u3"))],
            ],
            2,
        ),
    ],
)
def test_each_reason_has_its_number(
    redis_client: redis.Redis,
    play: Callable[[list[list[Happened]]], None],
    reason: str,
    ticks: list[list[Happened]],
    number: int,
) -> None:
    play(ticks)
    figures = read_counters(redis_client)
    of_all = {name: amount for name, amount in figures.items() if name.startswith(LEFT_OUT)}
    assert of_all == {named(LEFT_OUT, reason): number}


def test_results_of_a_session_that_is_gone_meanwhile(
    redis_client: redis.Redis,
    play: Callable[[list[list[Happened]]], None],
) -> None:
    with (
        failing("sessions_app.outcomes.session_parts.store_metrics"),
        pytest.raises(ConnectionError),
    ):
        play([[(keys.POLL_VOTE, vote("u1"))]])
    Session.objects.all().delete()
    score_shard(redis_client, SHARD, FIRST + 1)
    assert left_out(redis_client, SESSION_GONE) == 2, "a score and a first vote"


def test_a_shard_that_fails_counts_nothing_again(
    redis_client: redis.Redis,
    play: Callable[[list[list[Happened]]], None],
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:

    settings.MAX_LIVE_SESSIONS = 16
    play(SAID_AFTER_THE_END)
    new = [(keys.CHAT_MESSAGE, chat(f"m-{name}", session=name)) for name in NEIGHBOURS[:4]]
    caplog.set_level(logging.WARNING)

    before = read_counters(redis_client)
    with failing(
        "sessions_app.shards.shard_store.ShardStore.commit", ZeroDivisionError("a fault of our own")
    ):
        with pytest.raises(ShardFailedError):
            play([[], [], [*new, (keys.CHAT_MESSAGE, chat("later"))]])
        for _ in range(4):
            with pytest.raises(ShardFailedError):
                score_shard(redis_client, SHARD, FIRST + 2)
    failed = read_counters(redis_client)
    assert (failed.get(REFUSED), left_out(redis_client, AFTER_END)) == (None, 3)
    assert sum("too many" in record.message for record in caplog.records) == 1
    score_shard(redis_client, SHARD, FIRST + 2)
    assert (before.get(REFUSED), left_out(redis_client, AFTER_END)) == (None, 4)
    assert read_counters(redis_client)[REFUSED] == 3


def test_new_sessions_beyond_the_limits_are_refused_and_counted(
    redis_client: redis.Redis, settings: Any
) -> None:
    settings.MAX_LIVE_SESSIONS, settings.MAX_LIVE_SESSIONS_PER_EVENT = 32, 16
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, session="first")
    tick = tick_at(start)
    score_all(redis_client, tick)
    for number in range(100):
        for session, event in (("first", "e1"), (f"same-{number}", "e1"), (f"own-{number}", None)):
            message = chat(f"m{number}", session=session, eventId=event)
            post(redis_client, keys.CHAT_MESSAGE, message, f"{start + TICK_MS}-*")
    collect(redis_client)
    score_all(redis_client, tick + 1)
    live = Session.objects.live()
    of_event = live.filter(event__external_id="e1")
    assert of_event.filter(external_id="first").exists()
    assert of_event.count() <= 16
    assert live.count() == 32
    assert total("chat_count", "first") == 101
    assert read_counters(redis_client)[REFUSED] == 200 - 31
