"""From the events of a batch to the blocks of their shards and ticks."""

from hypothesis import given

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.redis_access.keys import shard_of
from sessions_app.ticks import tick_at
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


def test_a_mention_keeps_the_event_that_any_of_its_messages_named() -> None:
    builder = BatchBuilder(KEYED)
    for event_id in (None, "e", None):
        builder.add(PlatformEvent(EventKind.USER_SIGN, "s", event_id, "u"), 0, 0, 0)
    ((_, block),) = builder.blocks()
    assert [tuple(mention) for mention in block.mentions] == [("s", "e")]
