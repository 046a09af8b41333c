"""The collector against a real server: every event counts once, and nothing stops it."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from sessions_app.ingest import stream_reader
from sessions_app.ingest.collector import FILLING_SECONDS, Collector
from sessions_app.ingest.read_size import FIRST_COUNT
from sessions_app.ingest.stream_reader import create_groups
from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import TICK_MS, tick_at, tick_end_ms
from tests.pipeline import collect_all, collector, rows, score_all, step_until, total
from tests.platform import chat, chat_sync, closed, post, post_chat, publish, user, vote
from tests.sessions_app.events.test_decoding import BAD_CHAT

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def now_tick(client: redis.Redis) -> int:
    return tick_at(server_time_ms(client))


def score_now(client: redis.Redis) -> None:
    """Scores everything that has been collected, the running tick included."""
    score_all(client, now_tick(client))


def test_chat_on_both_channels_counts_once(redis_client: redis.Redis) -> None:
    for number in range(20):
        post(redis_client, keys.CHAT_MESSAGE, chat(f"m{number}"))
        post(redis_client, keys.SYNC_EVENTS, chat_sync(f"m{number}"))
    with collector() as running:
        collect_all(redis_client, running)
    score_now(redis_client)
    assert total("chat_count") == 20


def test_the_same_message_in_two_sessions_counts_in_both(redis_client: redis.Redis) -> None:
    for session in ("s1", "s2"):
        post(redis_client, keys.CHAT_MESSAGE, chat("m", session=session))
    with collector() as running:
        collect_all(redis_client, running)
    score_now(redis_client)
    assert (total("chat_count", "s1"), total("chat_count", "s2")) == (1, 1)


def test_two_hundred_messages_a_minute_are_two_hundred(redis_client: redis.Redis) -> None:
    post_chat(redis_client, 0, 200)
    with collector() as running:
        collect_all(redis_client, running)
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
    with collector() as running:
        collect_all(redis_client, running)
    score_now(redis_client)
    assert (total("vote_count"), rows()[-1].poll_participation) == (2, 0.5)


def test_a_closed_poll_counts_no_longer_and_does_not_reopen(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 20) * TICK_MS
    for name in ("a", "b"):
        post(redis_client, keys.SYNC_EVENTS, user("user_join", name), f"{start}-*")
    post(redis_client, keys.POLL_VOTE, vote("a"), f"{start + 1}-0")
    post(redis_client, keys.POLL_CLOSED, closed(), f"{start + 2 * TICK_MS}-0")
    post(redis_client, keys.POLL_VOTE, vote("b"), f"{start + 3 * TICK_MS}-0")
    with collector() as running:
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 4)
    assert [row.poll_participation for row in rows()] == [0.5, 0.5, 0, 0, 0]


def test_a_silent_room_decays_to_its_floor_within_a_minute(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 30) * TICK_MS
    post(redis_client, keys.SYNC_EVENTS, user("user_join", "stays"), f"{start}-0")
    for number in range(100):
        message = chat(f"m{number}", "talker")
        post(redis_client, keys.CHAT_MESSAGE, message, f"{start + 10 * number}-0")
    with collector() as running:
        collect_all(redis_client, running)
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


def test_a_frozen_collector_that_wakes_up_late_doubles_nothing(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 5) * TICK_MS
    for number in range(10):
        post(redis_client, keys.SYNC_EVENTS, user("reaction", f"u{number}"), f"{start}-{number}")
    frozen = Collector(lambda: connect(protocol=2), "frozen", 1_000)
    frozen.start()
    batches = frozen._read_streams()
    assert len(batches[0].entries) == 10
    redis_client.xclaim(
        keys.SYNC_EVENTS, keys.CONSUMER_GROUP, "heir", 0, [entry[0] for entry in batches[0].entries]
    )
    with collector("heir") as heir:
        collect_all(redis_client, heir)
    score_all(redis_client, tick_at(start))
    assert total("reaction_count") == 10

    frozen._held_since_ms = frozen._now_ms()
    frozen._held = [frozen._collected_batch(batches, [])]
    frozen._forward()
    assert int(redis_client.hget(keys.COLLECTOR_TOTALS, "late_blocks")) == 1
    score_all(redis_client, tick_at(start) + 2)
    assert total("reaction_count") == 10


def test_an_event_that_comes_after_its_tick_was_scored_counts_in_the_next(
    redis_client: redis.Redis,
) -> None:
    start = (now_tick(redis_client) - 5) * TICK_MS
    post(redis_client, keys.CHAT_MESSAGE, chat("in time"), f"{start}-0")
    with collector() as running:
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start) + 1)
        post(redis_client, keys.CHAT_MESSAGE, chat("late"), f"{start}-1")
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 3)
    assert [row.chat_count for row in rows()] == [1, 0, 1, 0]


def test_a_fresh_group_begins_ten_minutes_back(redis_client: redis.Redis) -> None:
    now = server_time_ms(redis_client)
    post(redis_client, keys.CHAT_MESSAGE, chat("too old"), f"{now - 11 * 60_000}-0")
    post(redis_client, keys.CHAT_MESSAGE, chat("recent"), f"{now - 9 * 60_000}-0")
    create_groups(redis_client, server_time_ms(redis_client))
    with collector() as running:
        collect_all(redis_client, running)
    score_now(redis_client)
    assert total("chat_count") == 1


def test_no_collector_means_no_watermark(redis_client: redis.Redis) -> None:
    end = tick_end_ms(now_tick(redis_client) - 1)
    assert not has_passed(redis_client, end)
    with collector() as running:
        step_until(running, lambda: has_passed(redis_client, end))
    assert not has_passed(redis_client, end), "a collector that has gone tells nothing"


def test_unread_and_unacknowledged_entries_hold_the_watermark(redis_client: redis.Redis) -> None:
    end = tick_end_ms(now_tick(redis_client) - 1)
    with collector() as running:
        step_until(running, lambda: has_passed(redis_client, end))
        post(redis_client, keys.POLL_VOTE, vote("a"), f"{end - 1}-0")
        assert not has_passed(redis_client, end), "unread"
        redis_client.xreadgroup(keys.CONSUMER_GROUP, "slow", {keys.POLL_VOTE: ">"})
        assert not has_passed(redis_client, end), "read, but not handed on"
        redis_client.xack(keys.POLL_VOTE, keys.CONSUMER_GROUP, f"{end - 1}-0")
        assert has_passed(redis_client, end)


def test_a_server_that_refuses_subscriptions_does_not_hold_the_watermark(
    redis_client: redis.Redis,
) -> None:
    redis_client.execute_command("ACL SETUSER default -subscribe")
    try:
        end = tick_end_ms(now_tick(redis_client) - 1)
        with collector() as running:
            step_until(running, lambda: has_passed(redis_client, end))
            step_until(running, lambda: running.subscriber.interruptions > 0)
    finally:
        redis_client.execute_command("ACL SETUSER default +subscribe")


def test_malformed_payloads_are_set_aside_and_the_good_ones_count(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[tuple[str, bytes, str]] = [
        (keys.CHAT_MESSAGE, payload, "data") for payload in BAD_CHAT.values()
    ]
    bad.append((keys.SYNC_EVENTS, b'{"type":"user_join","sessionId":"s1"}', "data"))
    bad.append((keys.POLL_CLOSED, b'{"sessionId":"s1"}', "data"))
    bad.append((keys.CHAT_MESSAGE, json.dumps(chat("x")).encode(), "payload"))
    assert len(bad) >= 20
    random.seed(3)
    good = 0
    for number in range(1_000):
        channel, payload, field = bad[number % len(bad)]
        post(redis_client, channel, payload, field=field)
        if random.random() < 0.5:
            post(redis_client, keys.CHAT_MESSAGE, chat(f"m{good}"))
            good += 1
    with caplog.at_level(logging.INFO), collector(batch_size=64) as running:
        collect_all(redis_client, running)
        running.dead_letter_log.report()
    score_now(redis_client)
    assert total("chat_count") == good
    letters = redis_client.xrange(keys.DEAD_LETTERS)
    assert len(letters) == 1_000
    assert all(fields[b"reason"] and fields[b"entry_id"] for _, fields in letters)
    assert max(len(fields[b"data"]) for _, fields in letters) <= 8 * 1024
    assert len([record for record in caplog.records if "Set aside" in record.message]) == 1
    assert pipeline_status(redis_client).totals["dead_letters"] == 1_000


def test_bad_pubsub_messages_are_set_aside_too(redis_client: redis.Redis) -> None:
    with collector() as running:
        step_until(running, lambda: redis_client.pubsub_numsub(keys.CHAT_MESSAGE)[0][1] == 1)
        publish(redis_client, keys.CHAT_MESSAGE, b"broken")
        step_until(running, lambda: redis_client.xlen(keys.DEAD_LETTERS) == 1)


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


def test_streams_are_not_trimmed_unless_asked(redis_client: redis.Redis) -> None:
    now = server_time_ms(redis_client)
    for number in range(300):
        post(redis_client, keys.CHAT_MESSAGE, chat(f"m{number}"), f"{now - 500_000 + number}-0")
    with collector() as running:
        collect_all(redis_client, running)
        running._housekeep()
        assert redis_client.xlen(keys.CHAT_MESSAGE) == 300
        running.retention_ms = 60_000
        running._housekeep()
        assert redis_client.xlen(keys.CHAT_MESSAGE) < 300


def test_trimming_keeps_up_with_many_entries(redis_client: redis.Redis) -> None:
    now = server_time_ms(redis_client)
    with redis_client.pipeline(transaction=False) as pipeline:
        for number in range(25_000):
            pipeline.xadd(keys.LIVE_SYNC, {"data": "{}"}, id=f"{now - 500_000 + number}-0")
        pipeline.execute()
    with collector(batch_size=50_000) as running:
        collect_all(redis_client, running)
        running.reader.trim(now - 60_000)
    assert redis_client.xlen(keys.LIVE_SYNC) < 200


def test_the_process_stops_cleanly_and_hands_everything_on(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "collect_events", "--name", "proc"],
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=log,
        stderr=log,
    )
    try:
        give_up_at = time.monotonic() + 30
        while not redis_client.zscore(keys.COLLECTORS, "proc"):
            assert time.monotonic() < give_up_at, (tmp_path / "log").read_text()
            time.sleep(0.05)
        post_chat(redis_client, 0, 500)
        while redis_client.xinfo_groups(keys.CHAT_MESSAGE)[0]["lag"]:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        log.close()
    assert redis_client.zscore(keys.COLLECTORS, "proc") is None
    assert redis_client.exists(keys.SUBSCRIBER_LEASE) == 0
    assert redis_client.xpending(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP)["pending"] == 0
    score_now(redis_client)
    assert total("chat_count") == 500


def test_what_is_no_stream_is_moved_out_of_the_way(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client.set(keys.POLL_VOTE, "somebody's")
    running = Collector(lambda: connect(protocol=2), "test", 1_000)
    running.start()
    try:
        post(redis_client, keys.CHAT_MESSAGE, chat("m1"))
        post(redis_client, keys.POLL_VOTE, vote("u1"))
        collect_all(redis_client, running)
    finally:
        running.stop()
    assert redis_client.get(keys.misplaced(keys.POLL_VOTE)) == b"somebody's"
    assert "is not a stream" in caplog.text
    score_now(redis_client)
    assert (total("chat_count"), total("vote_count")) == (1, 1)


def test_two_collectors_that_meet_what_is_no_stream_leave_the_new_one_alone(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_client.set(keys.POLL_VOTE, "somebody's")
    create_group, met = stream_reader._create_group, []

    def be_overtaken(client: redis.Redis, channel: str, start_ms: int) -> None:
        """Meets it, but another collector and the platform are quicker to go on."""
        try:
            create_group(client, channel, start_ms)
        except redis.ResponseError as error:
            if "WRONGTYPE" in str(error) and not met:
                met.append(channel)
                stream_reader.create_groups(redis_client, 0)
                post(redis_client, keys.POLL_VOTE, vote("u1"))
            raise

    monkeypatch.setattr(stream_reader, "_create_group", be_overtaken)
    stream_reader.create_groups(redis_client, 0)
    assert met == [keys.POLL_VOTE]
    assert redis_client.xlen(keys.POLL_VOTE) == 1
    assert redis_client.get(keys.misplaced(keys.POLL_VOTE)) == b"somebody's"
