"""The main job on real input: a recorded chat, over both transports, through the real processes."""

import json
import statistics
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pytest
import redis

from engagement_conductor.configuration.env import BASE_DIR
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import WINDOW_TICKS, tick_at
from tests.e2e.driving.stack_process import RunningProcesses, running_product, scored_tick, wait_for
from tests.e2e.driving.traffic import StoredTick, UpdateListener, posted_chat, stored_ticks

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(180)]

BRIEFING = BASE_DIR.parent / "shared" / "data" / "press-briefing-chat.jsonl"
SPEED = "600"
TRANSPORTS = ("stream", "pubsub")
MEDIAN_DELAY_SECONDS = 2.0


@pytest.fixture
def briefing() -> Path:
    """6,685 real chat messages, which must not be part of the project."""
    if not BRIEFING.exists():
        pytest.skip(f"NOT RUN: there is no recording {BRIEFING}")
    return BRIEFING


def replay(product: RunningProcesses, path: Path, transport: str) -> str:
    options = ["--speed", SPEED, "--transport", transport, "--session", transport]
    result = product.manage("replay_events", str(path), *options)
    assert "no subscriber" not in result.stderr
    return result.stdout


def assert_whole(rows: list[StoredTick], authors: list[str]) -> None:
    """Every message is counted once, no tick is missing, and the totals match."""
    counts = [row.chat_count for row in rows]
    assert sum(counts) == len(authors)
    assert [row.tick for row in rows] == list(range(rows[0].tick, rows[0].tick + len(rows)))
    sums = [0, *accumulate(counts)]
    assert [row.chat_msgs_per_min for row in rows] == [
        sums[position] - sums[max(0, position - WINDOW_TICKS)] for position in range(1, len(sums))
    ]
    assert rows[-1].total_users == len(set(authors))


def test_replayed_briefing_counts_once_over_both_transports_at_once(
    briefing: Path, database_url: str, redis_url: str, redis_client: "redis.Redis", tmp_path: Path
) -> None:
    events = [json.loads(line) for line in briefing.read_text(encoding="utf-8").splitlines()]
    authors = [event["payload"]["message"]["authorId"] for event in events]
    names = ("web", "collector", "worker", "beat")
    with (
        running_product(tmp_path, database_url, redis_url, *names) as product,
        UpdateListener(redis_url) as listener,
        ThreadPoolExecutor() as executor,
    ):
        product.wait_until_ready()
        reports = executor.map(lambda name: replay(product, briefing, name), TRANSPORTS)
        assert all(report.startswith(f"{len(events)} events, ") for report in reports)
        # One more, as messages read at the very end of a tick may belong to the next.
        last = tick_at(server_time_ms(redis_client)) + 1
        wait_for(lambda: scored_tick(redis_client) >= last, "the last tick is scored")
        wait_for(
            lambda: all(listener.of(name)[-1].tick >= last for name in TRANSPORTS),
            "the last update is published",
        )

    stored = {name: stored_ticks(database_url, name) for name in TRANSPORTS}
    for transport in TRANSPORTS:
        assert_whole(stored[transport], authors)
    assert redis_client.xlen(keys.DEAD_LETTERS) == 0
    posted = posted_chat(redis_client, "stream", stored["stream"][0].tick, last)
    assert {row.tick: row.chat_count for row in stored["stream"] if row.tick <= last} == posted
    published = Counter((update.session, update.tick) for update in listener.updates)
    assert published == Counter((name, row.tick) for name in TRANSPORTS for row in stored[name])
    delays = [update.seconds_after_tick for update in listener.updates]
    assert statistics.median(delays) < MEDIAN_DELAY_SECONDS, sorted(delays)
