"""Large and poisonous entries among ordinary ones, with real processes under a memory limit."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import redis

from sessions_app.events.decoding import Fault
from sessions_app.ingest.claims import MAXIMUM_DELIVERIES
from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import DEAD_LETTERS, named, read_counters
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import tick_at
from tests.pipeline import score_all, total
from tests.platform import chat, post, post_chat, user
from tests.sessions_app.ingest.fragile_collector import EXIT_CODE

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

MEBIBYTE = 1024 * 1024
LARGE = b'{"sessionId":"s1","message":{"id":"' + b"x" * MEBIBYTE
ORDINARY = 6_000
# Beside what the process has when it starts to work.
MEMORY_MEBIBYTES = 160
PATIENCE_SECONDS = 200


class Supervised:
    """Collectors' processes, one after the other, until :meth:`stop`."""

    def __init__(self, redis_url: str, folder: Path, marker: str, names: list[str]) -> None:
        self._exits = folder / "exits"
        self._log = folder / "log"
        program = [
            sys.executable,
            "-m",
            "tests.sessions_app.ingest.fragile_collector",
            str(self._exits),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*program, str(MEMORY_MEBIBYTES), marker, *names],
                env={**os.environ, "REDIS_URL": redis_url},
                stdout=log,
                stderr=log,
            )

    @property
    def exits(self) -> list[int]:
        """The codes with which they have ended."""
        return [*map(int, self._exits.read_text().split())] if self._exits.exists() else []

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits until ``condition`` holds."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, (self.exits, self._log.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        collectors = psutil.Process(self._process.pid).children()
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            for process in collectors:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


@contextmanager
def supervised(
    redis_url: str, folder: Path, marker: str = "", names: Sequence[str] = ("fragile",)
) -> Iterator[Supervised]:
    running = Supervised(redis_url, folder, marker, [*names])
    try:
        yield running
    finally:
        running.stop()


def post_large(client: redis.Redis, channels: list[str], count: int, data: bytes = LARGE) -> None:
    """Posts so many large payloads, to the channels in turn, with an ordinary message for ten."""
    for number in range(count):
        client.xadd(channels[number % len(channels)], {"data": data})
        if number % 10 == 0:
            post(client, keys.CHAT_MESSAGE, chat(f"between-{number}"))


def everything_is_handed_on(client: redis.Redis) -> Callable[[], bool]:
    """Whether the watermark has passed everything that was posted until now."""
    end_ms = server_time_ms(client) + 1
    return lambda: has_passed(client, end_ms)


def set_aside_for(client: redis.Redis, fault: Fault) -> int:
    figures = read_counters(client)
    return int(sum(figures.get(named(DEAD_LETTERS, name, fault), 0) for name in keys.CHANNELS))


@pytest.mark.parametrize(
    ("channels", "before"),
    [([keys.CHAT_MESSAGE], 0), ([keys.CHAT_MESSAGE], ORDINARY), ([*keys.CHANNELS], ORDINARY)],
    ids=["at the start", "after a backlog", "on all streams"],
)
def test_entries_of_a_mebibyte_cost_little_memory_and_stop_nothing(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path, channels: list[str], before: int
) -> None:
    post_chat(redis_client, 0, before)
    post_large(redis_client, channels, 900)
    post_chat(redis_client, ORDINARY, 500)
    with supervised(redis_url, tmp_path) as running:
        running.wait_until(everything_is_handed_on(redis_client))
    assert running.exits == []
    assert set_aside_for(redis_client, Fault.TOO_LARGE) == 900
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == before + 90 + 500


def test_entries_larger_than_all_memory_are_set_aside_too(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    data = b"y" * (2 * MEMORY_MEBIBYTES * MEBIBYTE)
    post_chat(redis_client, 0, 100)
    post(redis_client, keys.CHAT_MESSAGE, data)
    redis_client.xadd(keys.SYNC_EVENTS, {"other": data, "data": b'{"sessionId":"s1"}'})
    post_chat(redis_client, 100, 100)
    with supervised(redis_url, tmp_path) as running:
        running.wait_until(everything_is_handed_on(redis_client))
    assert running.exits == []
    (letter,) = (fields for _, fields in redis_client.xrange(keys.DEAD_LETTERS))
    assert (int(letter[b"bytes"]), letter[b"data"]) == (len(data), b"y" * 8 * 1024)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == 200


@pytest.mark.parametrize(
    "names", [["fragile"], [f"fragile-{number}" for number in range(9)]], ids=["one name", "names"]
)
def test_an_entry_that_kills_every_collector_is_set_aside_alone(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path, names: list[str]
) -> None:
    post_chat(redis_client, 0, 2_000)
    post(redis_client, keys.CHAT_MESSAGE, chat("poison"))
    post_chat(redis_client, 2_000, 2_000)
    for number in range(100):
        post(redis_client, keys.SYNC_EVENTS, user("reaction", f"u{number}"))
    with supervised(redis_url, tmp_path, "poison", names) as running:
        running.wait_until(everything_is_handed_on(redis_client))
    assert running.exits == [EXIT_CODE] * MAXIMUM_DELIVERIES
    (letter,) = (fields for _, fields in redis_client.xrange(keys.DEAD_LETTERS))
    assert letter[b"reason"].startswith(b"delivered 5 times")
    assert letter[b"data"] == b""
    assert set_aside_for(redis_client, Fault.GIVEN_UP) == 1
    assert pipeline_status(redis_client).totals["given_up"] == 1
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert (total("chat_count"), total("reaction_count")) == (4_000, 100)
