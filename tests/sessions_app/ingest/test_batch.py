"""From stream entries to blocks: every entry stays an event of its own, in the tick of its ID."""

import json

from sessions_app.events.identification import Identification
from sessions_app.events.merging import merge_tick
from sessions_app.ingest.batch import CollectedBatch
from sessions_app.ingest.claims import Batch
from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS
from tests.platform import chat

CHAT = keys.CHANNELS.index(keys.CHAT_MESSAGE)
NOW_MS = 1_000_000 * TICK_MS + 2_000


def events_by_tick(*times_ms: int) -> dict[int, int]:
    """How many events the scorer counts in which tick, of entries read at ``NOW_MS``."""
    entries = [
        [f"{time_ms}-0".encode(), [b"data", json.dumps(chat(f"m{number}")).encode()]]
        for number, time_ms in enumerate(times_ms)
    ]
    batch = CollectedBatch([Batch(CHAT, entries)], [], NOW_MS, Identification(bytes(16)))
    blocks = [block for _, block in batch.builder.blocks()]
    return {block.tick: len(merge_tick([block]).events) for block in blocks}


def test_entries_that_seem_to_come_from_the_next_milliseconds_all_count() -> None:
    # Our idea of the server's time lags behind by the time that its answer took.
    assert events_by_tick(*range(NOW_MS - 3, NOW_MS + 30)) == {1_000_000: 33}


def test_an_entry_from_the_next_tick_belongs_to_it() -> None:
    assert events_by_tick(NOW_MS, NOW_MS + 3_000) == {1_000_000: 1, 1_000_001: 1}


def test_entries_from_a_clock_that_was_set_back_count_now() -> None:
    hour_ms = 3_600_000
    assert events_by_tick(NOW_MS, *range(NOW_MS + hour_ms + 1, NOW_MS + hour_ms + 20)) == {
        1_000_000: 20
    }
