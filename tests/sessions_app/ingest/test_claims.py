"""Taking over what was delivered before: in ever smaller groups, in the end not at all."""

import time
from typing import Any

import pytest
import redis

from sessions_app.events.decoding import MAXIMUM_PAYLOAD_BYTES, Fault
from sessions_app.events.excerpts import KEPT_BYTES
from sessions_app.events.identification import Identification
from sessions_app.ingest.batch import CollectedBatch
from sessions_app.ingest.claims import GROUP_SIZES, MAXIMUM_DELIVERIES, Batch, PendingClaims
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from tests.pipeline import collect_all, collector
from tests.platform import chat, post, post_chat

pytestmark = pytest.mark.integration

MEBIBYTE = 1024 * 1024
BATCH = 100
KEYED = Identification(bytes(16))


@pytest.fixture
def events(empty_events: Any) -> Any:
    """The streams, with our group from their beginning."""
    for channel in keys.CHANNELS:
        empty_events.xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
    return empty_events


@pytest.fixture
def recovery(events: Any) -> PendingClaims:
    return PendingClaims(events, "test", BATCH)


def deliver(events: Any, channel: str, times: int = 1, consumer: str = "test") -> list[bytes]:
    """Gives all new entries to a consumer, so many times; returns their IDs."""
    reply = events.xreadgroup(keys.CONSUMER_GROUP, consumer, {channel: ">"})
    entries = next(iter(reply.values()))[0] if isinstance(reply, dict) else reply[0][1]
    identifiers = [entry_id for entry_id, _ in entries]
    for _ in range(times - 1):
        events.xclaim(channel, keys.CONSUMER_GROUP, consumer, 0, identifiers)
    return identifiers


def numbers(batches: list[Batch]) -> list[int]:
    return [len(batch.entries) for batch in batches]


def test_ours_come_at_once_and_others_after_a_while(
    events: Any, recovery: PendingClaims, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_chat(events, 0, 10)
    deliver(events, keys.CHAT_MESSAGE)
    post_chat(events, 10, 5)
    deliver(events, keys.CHAT_MESSAGE, consumer="other")
    assert numbers(recovery.next_batches()) == [10]
    monkeypatch.setattr("sessions_app.ingest.claims.CLAIM_IDLE_MS", 100)
    time.sleep(0.2)
    assert sum(numbers(recovery.next_batches())) == 5
    assert recovery.next_batches() != [], "what is not acknowledged comes again"


def test_it_tells_how_long_each_entry_had_been_idle(events: Any, recovery: PendingClaims) -> None:
    post_chat(events, 0, 2)
    identifiers = deliver(events, keys.CHAT_MESSAGE)
    time.sleep(0.1)
    (batch,) = recovery.next_batches()
    assert set(batch.idle_ms) == set(identifiers)
    assert all(100 <= idle_ms < 60_000 for idle_ms in batch.idle_ms.values())


def test_groups_get_smaller_and_those_delivered_least_often_come_first(
    events: Any, recovery: PendingClaims
) -> None:
    post_chat(events, 0, 40)
    deliver(events, keys.CHAT_MESSAGE, times=3)
    post_chat(events, 40, 40)
    deliver(events, keys.CHAT_MESSAGE, times=2)
    post_chat(events, 80, 40)
    deliver(events, keys.CHAT_MESSAGE)
    groups = []
    while batches := recovery.next_batches():
        groups.append(sum(numbers(batches)))
        for batch in batches:
            identifiers = [entry[0] for entry in batch.entries]
            events.xack(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP, *identifiers)
    assert groups == [40, GROUP_SIZES[2], GROUP_SIZES[2], 40 - 2 * GROUP_SIZES[2], *[1] * 40]


def test_what_was_delivered_too_often_is_given_up_unread(
    events: Any, recovery: PendingClaims
) -> None:
    post(events, keys.SYNC_EVENTS, b"poison")
    (poison,) = deliver(events, keys.SYNC_EVENTS, times=MAXIMUM_DELIVERIES)
    post_chat(events, 0, 3)
    deliver(events, keys.CHAT_MESSAGE)
    (given_up,) = recovery.next_batches()
    assert (given_up.entries, [*given_up.given_up]) == ([], [poison])
    batch = CollectedBatch([given_up], [], 0, KEYED)
    assert [(letter.fault, letter.data) for letter in batch.letters] == [(Fault.GIVEN_UP, b"")]
    events.xack(keys.SYNC_EVENTS, keys.CONSUMER_GROUP, poison)
    assert numbers(recovery.next_batches()) == [3]


def test_only_the_beginning_of_large_data_leaves_the_server(
    events: Any, recovery: PendingClaims
) -> None:
    post(events, keys.CHAT_MESSAGE, b"x" * MEBIBYTE)
    post(events, keys.CHAT_MESSAGE, b"y" * MAXIMUM_PAYLOAD_BYTES)
    events.xadd(keys.CHAT_MESSAGE, {"more": b"z" * MEBIBYTE, "data": b'{"a":1}'})
    events.xadd(keys.CHAT_MESSAGE, {"more": b"z" * MEBIBYTE})
    deliver(events, keys.CHAT_MESSAGE)
    ((_, entries, *_),) = recovery.next_batches()
    (large, longest, small, other) = (fields for _, fields in entries)
    assert (bytes.__len__(large[1]), len(large[1])) == (KEPT_BYTES, MEBIBYTE)
    assert longest == [b"data", b"y" * MAXIMUM_PAYLOAD_BYTES]
    assert small == [b"data", b'{"a":1}']
    assert (other[0], bytes.__len__(other[1])) == (b"more", KEPT_BYTES)
    letters = CollectedBatch([Batch(0, entries)], [], 0, KEYED).letters
    assert [letter.fault for letter in letters] == [
        *(Fault.TOO_LARGE, Fault.NOT_JSON, Fault.WRONG_SHAPE, Fault.EMPTY)
    ]
    assert "1048576" in letters[0].reason


def test_what_was_deleted_meanwhile_is_told(events: Any, recovery: PendingClaims) -> None:
    post_chat(events, 0, 2)
    first, second = deliver(events, keys.CHAT_MESSAGE)
    events.xdel(keys.CHAT_MESSAGE, first)
    ((_, entries, *_),) = recovery.next_batches()
    assert [entry_id for entry_id, fields in entries if fields is None] == [first]
    letters = CollectedBatch([Batch(0, entries)], [], server_time_ms(connect()), KEYED).letters
    assert [letter.reason for letter in letters] == ["already deleted"]
    assert [entry_id for entry_id, fields in entries if fields] == [second]


def test_a_group_is_bounded_in_bytes(events: Any) -> None:
    for _ in range(40):
        post(events, keys.CHAT_MESSAGE, b"x" * MEBIBYTE)
    deliver(events, keys.CHAT_MESSAGE)
    assert numbers(PendingClaims(events, "test", BATCH).next_batches()) == [16]


@pytest.mark.parametrize("fields", [{"data": b"x" * MEBIBYTE}, {"a": b"x" * MEBIBYTE, "data": "{"}])
def test_an_answer_that_is_too_large_is_read_again_in_parts(
    events: Any, redis_client: redis.Redis, fields: dict[str, bytes]
) -> None:
    for channel in keys.CHANNELS:
        for _ in range(15):
            events.xadd(channel, fields)
    for number in range(20):
        post(events, keys.CHAT_MESSAGE, chat(f"m{number}"))
    with collector() as running:
        collect_all(events, running)
        totals = redis_client.hgetall(keys.COLLECTOR_TOTALS)
    assert (int(totals[b"events"]), int(totals[b"dead_letters"])) == (20, 90)
