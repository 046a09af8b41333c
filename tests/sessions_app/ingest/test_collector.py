"""The collector against a real server: every event counts once, and nothing stops it."""

import threading
import time
from typing import Any

import pytest
import redis

from sessions_app.ingest.collector import FILLING_SECONDS, Collector
from sessions_app.ingest.read_size import FIRST_COUNT
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import (
    collect,
    collect_all,
    collector,
    now_tick,
    rows,
    score_all,
    score_now,
    step_until,
    total,
)
from tests.platform import chat, chat_sync, closed, post, post_chat, publish, user, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_chat_on_both_channels_counts_once(redis_client: redis.Redis) -> None:
    for number in range(20):
        post(redis_client, keys.CHAT_MESSAGE, chat(f"m{number}"))
        post(redis_client, keys.SYNC_EVENTS, chat_sync(f"m{number}"))
    collect(redis_client)
    score_now(redis_client)
    assert total("chat_count") == 20


def test_the_same_message_in_two_sessions_counts_in_both(redis_client: redis.Redis) -> None:
    for session in ("s1", "s2"):
        post(redis_client, keys.CHAT_MESSAGE, chat("m", session=session))
    collect(redis_client)
    score_now(redis_client)
    assert (total("chat_count", "s1"), total("chat_count", "s2")) == (1, 1)


def test_two_hundred_messages_a_minute_are_two_hundred(redis_client: redis.Redis) -> None:
    post_chat(redis_client, 0, 200)
    collect(redis_client)
    score_now(redis_client)
    assert rows()[-1].chat_msgs_per_min == 200


def test_events_that_come_one_by_one_share_batches(redis_client: redis.Redis) -> None:
    def post_slowly() -> None:
        with connect() as client:
            for number in range(60):
                post(client, keys.CHAT_MESSAGE, chat(f"m{number}"))
                time.sleep(0.005)

    # A collector that does not listen to Pub/Sub need not wait for what it would say.
    redis_client.set(keys.SUBSCRIBER_LEASE, "another", ex=60)
    posting = threading.Thread(target=post_slowly)
    with collector() as running:
        began = time.monotonic()
        posting.start()
        step_until(
            running, lambda: int(redis_client.hget(keys.COLLECTOR_TOTALS, "events") or 0) == 60
        )
        seconds = time.monotonic() - began
    posting.join()
    now = tick_at(server_time_ms(redis_client))
    shard = keys.shard_of("s1")
    blocks = sum(redis_client.llen(keys.arrivals(shard, tick)) for tick in range(now - 5, now + 1))
    # A few more where a tick ends, or where a busy machine let sixteen come at once.
    assert blocks <= seconds / FILLING_SECONDS + 10


def test_both_transports_are_heard_and_copies_count_once(redis_client: redis.Redis) -> None:
    with collector() as running:
        step_until(running, lambda: redis_client.pubsub_numsub(keys.CHAT_MESSAGE)[0][1] == 1)
        for number in range(10):
            message, reaction = chat(f"m{number}"), user("reaction", f"u{number}")
            for channel, payload in ((keys.CHAT_MESSAGE, message), (keys.SYNC_EVENTS, reaction)):
                post(redis_client, channel, payload)
                publish(redis_client, channel, payload)
        publish(redis_client, keys.CHAT_MESSAGE, chat("only published"))
        post(redis_client, keys.SYNC_EVENTS, user("reaction", "u0"))  # rightly, a second time
        step_until(
            running, lambda: int(redis_client.hget(keys.COLLECTOR_TOTALS, "events") or 0) >= 42
        )
    score_now(redis_client)
    assert total("chat_count") == 11
    assert total("reaction_count") == 11


def test_a_changed_vote_counts_once(redis_client: redis.Redis) -> None:
    for name in ("a", "b", "c", "d"):
        post(redis_client, keys.SYNC_EVENTS, user("user_join", name))
    for name in ("a", "b", "a", "a"):
        post(redis_client, keys.POLL_VOTE, vote(name))
    collect(redis_client)
    score_now(redis_client)
    assert (total("vote_count"), rows()[-1].poll_participation) == (2, 0.5)


def test_a_closed_poll_counts_no_longer_and_does_not_reopen(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 20) * TICK_MS
    for name in ("a", "b"):
        post(redis_client, keys.SYNC_EVENTS, user("user_join", name), f"{start}-*")
    post(redis_client, keys.POLL_VOTE, vote("a"), f"{start + 1}-0")
    post(redis_client, keys.POLL_CLOSED, closed(), f"{start + 2 * TICK_MS}-0")
    post(redis_client, keys.POLL_VOTE, vote("b"), f"{start + 3 * TICK_MS}-0")
    collect(redis_client)
    score_all(redis_client, tick_at(start) + 4)
    assert [row.poll_participation for row in rows()] == [0.5, 0.5, 0, 0, 0]


def test_a_silent_room_decays_to_its_floor_within_a_minute(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 30) * TICK_MS
    post(redis_client, keys.SYNC_EVENTS, user("user_join", "stays"), f"{start}-0")
    for number in range(100):
        message = chat(f"m{number}", "talker")
        post(redis_client, keys.CHAT_MESSAGE, message, f"{start + 10 * number}-0")
    collect(redis_client)
    score_all(redis_client, tick_at(start) + 14)
    scores = [(row.chat_msgs_per_min, row.active_users, row.score) for row in rows()]
    assert scores[11] == (100, 2, 0.55)
    assert scores[12] == (0, 1, 0.125)
    assert scores[14] == scores[12]


def test_a_collector_that_dies_before_acknowledging_loses_and_doubles_nothing(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_chat(redis_client, 0, 300)
    dying = Collector(lambda: connect(protocol=2), "dying", 100)
    dying.start()

    def die(*_: Any) -> None:
        raise redis.ConnectionError("killed between delivery and acknowledgement")

    monkeypatch.setattr(dying, "_acknowledge", die)
    with pytest.raises(redis.ConnectionError):
        step_until(dying, lambda: False)
    dying.subscriber.stop()
    assert redis_client.xpending(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP)["pending"] == FIRST_COUNT
    monkeypatch.setattr("sessions_app.ingest.claims.CLAIM_IDLE_MS", 0)
    with collector("heir") as heir:
        collect_all(redis_client, heir)
    score_now(redis_client)
    assert total("chat_count") == 300


def test_collectors_share_the_streams_and_one_holds_the_subscription(
    redis_client: redis.Redis,
) -> None:
    with collector("one", 50) as one, collector("two", 50) as two:
        one.step()
        two.step()
        assert [one.subscriber.running, two.subscriber.running] == [True, False]
        post_chat(redis_client, 0, 400)
        for _ in range(4):
            one.step()
            two.step()
        collect_all(redis_client, two)
        one.stop()
        step_until(two, lambda: two.subscriber.running)
        status = pipeline_status(redis_client)
        assert "two" in status.collectors
        assert status.streams[0].backlog == 0
    score_now(redis_client)
    assert total("chat_count") == 400
