"""Whether everything up to a time has been handed on, asked of a real server."""

import pytest
import redis

from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client
from sessions_app.ticks import tick_end_ms
from tests.pipeline import collector, now_tick, step_until
from tests.platform import post, vote

pytestmark = pytest.mark.integration
END_MS = 10_000


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    """A server on which one collector has read all streams, all of them empty, up to the end."""
    for channel in keys.CHANNELS:
        redis_client.xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
    redis_client.zadd(keys.COLLECTORS, {"collector": END_MS})
    return redis_client


def add(client: redis.Redis, entry_id: str, channel: str = keys.POLL_CLOSED) -> None:
    client.xadd(channel, {"data": "{}"}, id=entry_id)


def read(client: redis.Redis, channel: str = keys.POLL_CLOSED) -> None:
    client.xreadgroup(keys.CONSUMER_GROUP, "collector", {channel: ">"})


def hand_on(client: redis.Redis, entry_id: str, channel: str = keys.POLL_CLOSED) -> None:
    client.xack(channel, keys.CONSUMER_GROUP, entry_id)


def test_silence_passes_once_a_collector_has_read_as_far(client: redis.Redis) -> None:
    assert has_passed(client, END_MS)
    assert not has_passed(client, END_MS + 1)
    client.zadd(keys.COLLECTORS, {"another": END_MS + 1, "slow": END_MS - 1})
    assert has_passed(client, END_MS + 1)


def test_without_a_collector_nothing_passes(client: redis.Redis) -> None:
    client.delete(keys.COLLECTORS)
    assert not has_passed(client, END_MS)


def test_whoever_holds_the_lease_has_to_have_read_messages_as_far(client: redis.Redis) -> None:
    client.set(keys.SUBSCRIBER_READ, END_MS - 1)
    assert has_passed(client, END_MS)  # nobody listens, so nobody is waited for
    client.set(keys.SUBSCRIBER_LEASE, "collector")
    assert not has_passed(client, END_MS)
    client.set(keys.SUBSCRIBER_READ, END_MS)
    assert has_passed(client, END_MS)
    client.delete(keys.SUBSCRIBER_READ)
    assert not has_passed(client, 1)


@pytest.mark.parametrize("channel", keys.CHANNELS)
def test_an_entry_has_to_be_read_and_handed_on(client: redis.Redis, channel: str) -> None:
    entry = f"{END_MS - 1}-7"
    add(client, entry, channel)
    assert not has_passed(client, END_MS)
    read(client, channel)
    assert not has_passed(client, END_MS)
    hand_on(client, entry, channel)
    assert has_passed(client, END_MS)


def test_entries_after_the_end_are_not_waited_for(client: redis.Redis) -> None:
    add(client, f"{END_MS}-0")
    assert has_passed(client, END_MS)  # not read
    read(client)
    assert has_passed(client, END_MS)  # not handed on
    client.zadd(keys.COLLECTORS, {"collector": END_MS + 1})
    assert not has_passed(client, END_MS + 1)


def test_the_oldest_that_is_not_handed_on_counts(client: redis.Redis) -> None:
    for entry in (f"{END_MS - 2}-0", f"{END_MS}-0"):
        add(client, entry)
    read(client)
    hand_on(client, f"{END_MS}-0")
    assert not has_passed(client, END_MS)


def test_what_was_delivered_before_is_not_waited_for(client: redis.Redis) -> None:
    for entry in ("5-0", "5-1"):
        add(client, entry)
        read(client)
        hand_on(client, entry)
    add(client, "5-2")
    assert not has_passed(client, END_MS)
    read(client)
    hand_on(client, "5-2")
    assert has_passed(client, END_MS)


def test_a_group_of_somebody_else_is_not_ours(client: redis.Redis) -> None:
    client.xgroup_create(keys.POLL_CLOSED, "another", id="0")
    client.xgroup_create(keys.POLL_CLOSED, "the last", id="0")
    add(client, "5-0")
    read(client)
    hand_on(client, "5-0")
    assert has_passed(client, END_MS)
    client.xgroup_destroy(keys.POLL_CLOSED, keys.CONSUMER_GROUP)
    assert not has_passed(client, END_MS)


def test_a_stream_that_is_missing_has_not_been_read(client: redis.Redis) -> None:
    client.delete(keys.SYNC_EVENTS)
    assert not has_passed(client, END_MS)


def test_what_is_no_stream_is_an_error(client: redis.Redis) -> None:
    client.delete(keys.SYNC_EVENTS)
    client.set(keys.SYNC_EVENTS, "junk")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        has_passed(client, END_MS)


def test_streams_of_a_cluster_are_asked_too(empty_events: redis.Redis, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.zadd(keys.COLLECTORS, {"collector": END_MS})
        for channel in keys.CHANNELS:
            empty_events.xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
        assert cluster_client(client) is not None
        assert has_passed(client, END_MS)
        add(empty_events, "5-0")
        assert not has_passed(client, END_MS)


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
