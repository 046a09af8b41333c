"""Reading the streams: where a group begins, what is no stream, and what is dropped."""

import pytest
import redis

from sessions_app.ingest import stream_reader
from sessions_app.ingest.collector import Collector
from sessions_app.ingest.stream_reader import create_groups
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from tests.pipeline import collect, collect_all, collector, score_now, total
from tests.platform import chat, post, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_a_fresh_group_begins_ten_minutes_back(redis_client: redis.Redis) -> None:
    now = server_time_ms(redis_client)
    post(redis_client, keys.CHAT_MESSAGE, chat("too old"), f"{now - 11 * 60_000}-0")
    post(redis_client, keys.CHAT_MESSAGE, chat("recent"), f"{now - 9 * 60_000}-0")
    create_groups(redis_client, server_time_ms(redis_client))
    collect(redis_client)
    score_now(redis_client)
    assert total("chat_count") == 1


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
