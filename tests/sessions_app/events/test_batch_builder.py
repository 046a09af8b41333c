"""From the events of a batch to the blocks of their shards and ticks."""

import pytest
from hypothesis import given

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification, keyed_identity, unkeyed_identity
from sessions_app.redis_access.keys import shard_of
from sessions_app.ticks import TICK_MS, tick_at
from tests.sessions_app.events.building import KEYED, build, entries


@given(entries)
def test_every_event_lands_in_the_block_of_its_shard_and_tick(
    items: list[tuple[str, int, int]],
) -> None:
    blocks = build(items)
    found = []
    for shard, block in blocks:
        for event in block.events:
            session = block.mentions[event["session"]].session_id
            assert shard_of(session) == shard
            assert tick_at(int(event["time"])) == block.tick
            found.append((session, int(event["time"]), int(event["sequence"])))
    assert sorted(found) == sorted(items)
    assert len({(shard, block.tick) for shard, block in blocks}) == len(blocks)


def test_a_mention_keeps_the_first_event_that_its_messages_named() -> None:
    builder = BatchBuilder(KEYED)
    for event_id in (None, "e", None, "another"):
        builder.add(PlatformEvent(EventKind.USER_SIGN, "s", event_id, "u"), 0, 0, 0)
    ((_, block),) = builder.blocks()
    assert [tuple(mention) for mention in block.mentions] == [("s", "e")]


def test_who_or_what_is_not_named_has_identity_zero() -> None:
    builder = BatchBuilder(Identification(bytes(16), unkeyed_too=True))
    builder.add(PlatformEvent(EventKind.SESSION_SIGN, "s", None), 0, 0, 0)
    ((_, block),) = builder.blocks()
    (event,) = block.events
    for column in ("user", "subject", "unkeyed_user", "unkeyed_subject"):
        assert event[column] == 0


@pytest.mark.parametrize(("unkeyed_too", "keyed_too"), [(True, True), (True, False), (False, True)])
def test_blocks_name_the_polls_among_their_subjects(unkeyed_too: bool, keyed_too: bool) -> None:
    builder = BatchBuilder(Identification(bytes(16), unkeyed_too, keyed_too))
    polls = {f"p{number:02}" for number in range(12)}
    for number, poll in enumerate(sorted(polls)):
        kind = (EventKind.VOTE, EventKind.POLL_CLOSED)[number % 2]
        event = PlatformEvent(kind, "s", None, "u", poll.encode(), poll)
        builder.add(event, 0, TICK_MS * (number % 3), number)
    builder.add(PlatformEvent(EventKind.CHAT, "s", None, "u", b"m1"), 0, 0, 99)
    found = set()
    for _, block in builder.blocks():
        for keyed, unkeyed, poll in block.polls:
            assert keyed == (keyed_identity(bytes(16), poll.encode()) if keyed_too else 0)
            assert unkeyed == (unkeyed_identity(poll.encode()) if unkeyed_too else 0)
            assert block.tick == int(poll[1:]) % 3
            found.add(poll)
    assert found == polls
