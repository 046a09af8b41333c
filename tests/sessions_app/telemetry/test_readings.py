"""Figures of which one that cannot be read hides no other."""

import pytest
import redis

from sessions_app.telemetry.readings import Readings


def refuse(error: Exception) -> None:
    raise error


def test_what_can_be_read_is_no_problem() -> None:
    readings = Readings()
    assert readings.read("one", lambda: 1, None) == 1
    assert readings.problems == {}


@pytest.mark.parametrize(
    "error", [redis.ResponseError("WRONGTYPE of another kind"), ValueError("no number")]
)
def test_what_cannot_be_read_is_noted(error: Exception) -> None:
    readings = Readings()
    assert readings.read("one", lambda: refuse(error), 7) == 7
    assert readings.problems == {"one": str(error)}


@pytest.mark.parametrize("error", [redis.ConnectionError("gone"), redis.TimeoutError("late")])
def test_an_outage_is_an_outage(error: Exception) -> None:
    with pytest.raises(type(error)):
        Readings().read("one", lambda: refuse(error), 7)


def test_a_fault_of_our_own_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        Readings().read("one", lambda: 1 // 0, 7)


def test_fields_that_are_numbers_are_read() -> None:
    readings = Readings()
    fields = {b"a": b"1", b"b": b"2.5", b"c": b"x", b"d": b"nan", b"e": b"inf", b"\xff": b"3"}
    assert readings.numbers("hash", fields) == {"a": 1, "b": 2.5}
    assert list(readings.problems) == ["hash"]


@pytest.mark.integration
def test_answers_to_a_pipeline_are_read_one_by_one(redis_client: redis.Redis) -> None:
    redis_client.set("text", "x")
    readings = Readings()
    with redis_client.pipeline(transaction=False) as pipeline:
        pipeline.llen("nothing")
        pipeline.llen("text")
        pipeline.get("text")
        assert readings.answers(pipeline, ["a", "b", "c"]) == [0, None, b"x"]
    assert list(readings.problems) == ["b"]
