"""Counters of all processes, on Redis."""

import time

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry import counters
from sessions_app.telemetry.counters import TickCounters, named, queue_counters, read_counters
from sessions_app.telemetry.readings import Readings

pytestmark = pytest.mark.integration


def test_amounts_add_up_whoever_adds_them(redis_client: redis.Redis) -> None:
    for amounts in ({"a": 2, named("b", "x", "y"): 0.5, "c": 0}, {"a": 1}):
        with redis_client.pipeline() as pipeline:
            queue_counters(pipeline, amounts)
            pipeline.execute()
    assert read_counters(redis_client) == {"a": 3, "b:x:y": 0.5}


def test_what_is_no_number_hides_no_other(redis_client: redis.Redis) -> None:
    redis_client.hset(keys.COUNTERS, mapping={"a": "1", "b": "junk"})
    readings = Readings()
    assert read_counters(redis_client, readings) == {"a": 1}
    assert keys.COUNTERS in readings.problems
    redis_client.set(keys.COUNTERS, "junk")
    assert read_counters(redis_client) == {}


def test_a_tick_is_saved_once(redis_client: redis.Redis) -> None:
    tick = TickCounters()
    tick.add(2, "seen", "x")
    tick.add(3, "seen", "x")
    tick.save(redis_client)
    tick.save(redis_client)
    assert read_counters(redis_client) == {"seen:x": 5}


def test_what_others_have_counted_is_taken_over(redis_client: redis.Redis) -> None:
    tick, other = TickCounters(), TickCounters()
    tick.add(1, "seen")
    other.add(2, "seen")
    tick.add_all(other)
    tick.add_all(other)
    other.save(redis_client)
    assert read_counters(redis_client) == {}
    tick.save(redis_client)
    assert read_counters(redis_client) == {"seen": 3}


def test_times_of_stages_are_taken_even_if_they_fail(redis_client: redis.Redis) -> None:
    tick = TickCounters()
    with pytest.raises(ZeroDivisionError), tick.stage("read"):
        raise ZeroDivisionError
    with tick.stage("read"):
        time.sleep(0.02)
    tick.save(redis_client)
    found = read_counters(redis_client)
    assert found["stage_runs:read"] == 2
    assert 0.02 <= found["stage_seconds:read"] < 5


def test_a_tick_is_in_the_class_of_its_duration(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0.0, 0.005, 10.0, 10.006, 20.0, 29.0))
    monkeypatch.setattr(counters.time, "perf_counter", lambda: next(clock))
    tick = TickCounters()
    for _ in range(3):
        with tick.tick():
            pass
    tick.save(redis_client)
    found = read_counters(redis_client)
    assert found.pop("tick_seconds") == pytest.approx(9.011)
    # Up to 5 ms, up to 10 ms, and more than the last bound.
    assert found == {"tick_classes:0": 1, "tick_classes:1": 1, "tick_classes:10": 1}


def test_a_tick_that_fails_is_not_counted(redis_client: redis.Redis) -> None:
    tick = TickCounters()
    with pytest.raises(ZeroDivisionError), tick.tick():
        raise ZeroDivisionError
    tick.save(redis_client)
    assert read_counters(redis_client) == {}
