"""Questions to parts of the product that may hang."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from dashboard.monitoring import probe
from dashboard.monitoring.probe import Probe, ask_all
from tests.dashboard.monitoring.test_health import report_to
from tests.factories import Cast

pytestmark = pytest.mark.integration


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_hangs_is_waited_for_briefly(
    cast: Cast, working: redis.Redis, silent_server: int, settings: Any
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_server}"
    begun = time.monotonic()
    assert report_to(None) == (503, {"status": "down"})
    assert time.monotonic() - begun < probe.TIMEOUT_SECONDS + 5


def test_what_hangs_holds_one_thread_and_delays_nobody_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.2)
    released, calls = threading.Event(), []

    def hang() -> dict[str, Any]:
        calls.append(1)
        released.wait(30)
        return {}

    hanging = Probe(hang)
    assert not ask_all({"hanging": hanging})["hanging"]["ok"]
    begun = time.monotonic()
    answers = [hanging.answer() for _ in range(100)]
    assert time.monotonic() - begun < 5
    assert not any(answer["ok"] for answer in answers)
    assert len(calls) == 1
    released.set()


def test_an_answer_serves_all_who_ask_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FRESH_SECONDS", 600.0)
    calls: list[int] = []
    counting = Probe(lambda: {"call": calls.append(1) or len(calls)})
    assert [counting.answer()["call"] for _ in range(3)] == [1, 1, 1]


def test_whatever_goes_wrong_is_the_answer() -> None:
    def fail() -> dict[str, Any]:
        raise ZeroDivisionError

    answer = Probe(fail).answer()
    assert (answer["ok"], answer["error"]) == (False, "ZeroDivisionError")
