"""The running pipeline against the oracle: every stored row, on random logs and on a recording."""

import json
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_conductor.configuration.env import BASE_DIR
from sessions_app.ingest.collector import Collector
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.recordings.event_recording import read_recording
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference
from sessions_app.ticks import TICK_MS, tick_at, tick_ending
from tests.event_logs import event_logs
from tests.oracle import LoggedEvent, Row, expected_rows
from tests.pipeline import collect_all, collector, score_all

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

FIRST_TICK = tick_at(1_750_000_000_000)
BRIEFING = BASE_DIR.parent / "shared" / "data" / "press-briefing-chat.jsonl"
CHUNK_TICKS = 100
TICKS_AFTERWARDS = 14


def take(client: redis.Redis, running: Collector, log: list[LoggedEvent], up_to_tick: int) -> None:
    """Posts events at the times of the log, collects them, and scores up to a tick."""
    events = cluster_client(client)
    with events.pipeline(transaction=False) as pipeline:
        for time_ms, channel, payload in log:
            # Redis numbers the entries of one millisecond itself.
            pipeline.xadd(channel, {"data": json.dumps(payload)}, id=f"{time_ms}-*")
        pipeline.execute()
    collect_all(events, running)
    score_all(client, up_to_tick)


def process(
    client: redis.Redis, log: list[LoggedEvent], ends: list[int], batch_size: int = 1_000
) -> None:
    """Sends a log through the pipeline, up to each tick of ``ends`` in turn."""
    for channel in keys.CHANNELS:
        # A new group begins ten minutes back otherwise; the logs are older.
        cluster_client(client).xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
    with collector(batch_size=batch_size) as running:
        score_all(client, tick_at(log[0][0]) - 1)
        first = 0
        for end in ends:
            part = [event for event in log if first <= tick_at(event[0]) <= end]
            take(client, running, part, end)
            first = end + 1


def stored_rows() -> dict[tuple[str, int], Row]:
    """All rows in the database, by session ID and tick."""
    return {
        (metric.session.external_id, tick_ending(metric.time)): Row(
            *(getattr(metric, name) for name in Row._fields)
        )
        for metric in EngagementMetric.objects.select_related("session")
    }


def clear(client: redis.Redis) -> None:
    client.flushall()
    EngagementMetric.objects.all().delete()
    Session.objects.all().delete()
    Event.objects.all().delete()


def assert_equal(stored: dict[tuple[str, int], Row], expected: dict[tuple[str, int], Row]) -> None:
    """Fails with the first row that differs, and by what."""
    for session, tick in sorted(stored.keys() | expected.keys(), key=lambda key: key[::-1]):
        found, right = stored.get((session, tick)), expected.get((session, tick))
        place = f"{session} in tick {tick - FIRST_TICK} of the log"
        assert found is not None, f"no row for {place}: {right}"
        assert right is not None, f"a row too many for {place}: {found}"
        wrong = {
            name: (getattr(found, name), getattr(right, name))
            for name in Row._fields
            if getattr(found, name) != pytest.approx(getattr(right, name), abs=1e-9)
        }
        assert not wrong, f"{place}: (stored, expected) is {wrong}"


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    log=event_logs(FIRST_TICK * TICK_MS),
    parts=st.sets(st.integers(0, 60), max_size=2),
    batch_size=st.sampled_from([1, 3, 1_000]),
)
def test_every_row_of_a_random_log_is_right(
    redis_client: redis.Redis, log: list[LoggedEvent], parts: set[int], batch_size: int
) -> None:
    clear(redis_client)
    last = tick_at(log[-1][0]) + TICKS_AFTERWARDS
    ends = sorted({FIRST_TICK + part for part in parts if FIRST_TICK + part < last} | {last})
    process(redis_client, log, ends, batch_size)
    assert_equal(stored_rows(), expected_rows(log, last))


def briefing() -> list[LoggedEvent]:
    """The recorded press briefing, at its own pace."""
    if not BRIEFING.exists():
        pytest.skip(f"NOT COMPARED WITH THE RECORDING: there is no {BRIEFING.name}")
    return [
        (
            FIRST_TICK * TICK_MS + round(event.offset_s * 1000),
            event.channel,
            json.loads(event.payload),
        )
        for event in read_recording(BRIEFING)
    ]


def test_every_row_of_the_press_briefing_is_right(redis_client: redis.Redis) -> None:
    log = briefing()
    last = tick_at(log[-1][0]) + TICKS_AFTERWARDS
    process(redis_client, log, [*range(FIRST_TICK, last, CHUNK_TICKS), last])
    stored = stored_rows()
    assert_equal(stored, expected_rows(log, last))
    assert sum(row.chat_count for row in stored.values()) == len(log)


def test_every_row_of_a_simulated_conference_is_right(redis_client: redis.Redis) -> None:
    log = [
        (FIRST_TICK * TICK_MS + int(event.offset_s * 1000), event.channel, event.payload)
        for event in Conference(CHARACTERS, "conference", seed=1).events(duration_s=400)
    ]
    last = tick_at(log[-1][0])
    process(redis_client, log, [*range(FIRST_TICK, last, 7), last])
    assert_equal(stored_rows(), expected_rows(log, last))


def test_rows_stop_after_half_an_hour_and_a_session_begins_anew(
    redis_client: redis.Redis,
) -> None:
    def at(tick: int, payload: dict[str, Any]) -> LoggedEvent:
        return (FIRST_TICK + tick) * TICK_MS, keys.SYNC_EVENTS, {"sessionId": "s0", **payload}

    join = {"type": "user_join", "userId": "u"}
    log = [at(0, join), at(3, {"type": "typing", "userId": "u"}), at(400, join)]
    last = FIRST_TICK + 420
    process(redis_client, log, [*range(FIRST_TICK, last, CHUNK_TICKS), last])
    assert_equal(stored_rows(), expected_rows(log, last))
