"""A process that posts the traffic at a steady rate."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from benchmarks.soak.rooms import Entry, Traffic

SLICE_SECONDS = 0.05


class Load(NamedTuple):
    """The load to post.

    Attributes:
        rate: entries per second.
        seconds: duration.
    """

    sessions: int
    rate: int
    seconds: float
    seed: int


class Posted(NamedTuple):
    """What was posted.

    Attributes:
        entries: number of entries in all streams.
        behind_seconds: the longest time by which posting fell behind its rate.
        totals: see :class:`benchmarks.soak.rooms.Traffic`.
    """

    entries: int
    behind_seconds: float
    totals: NDArray[np.int64]


class Platform:
    """The process that acts as the platform; it posts for the duration of the load."""

    def __init__(self, redis_url: str, load: Load) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_post, args=(redis_url, load, theirs), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The ID of the process."""
        return self._process.pid or 0

    def result(self, seconds: float) -> Posted | None:
        """What was posted, when all of it has been; None if that takes longer than ``seconds``.

        Raises:
            EOFError: the process died.
        """
        return self._pipe.recv() if self._pipe.poll(seconds) else None

    def stop(self) -> None:
        """Kills the process, whether it is done or not."""
        self._process.kill()
        self._process.join()


@contextmanager
def running_platform(redis_url: str, load: Load) -> Iterator[Platform]:
    """A platform that posts, at most until the block ends."""
    platform = Platform(redis_url, load)
    try:
        yield platform
    finally:
        platform.stop()


def _post(redis_url: str, load: Load, pipe: Connection) -> None:
    traffic = Traffic(load.sessions, load.seed)
    behind = 0.0
    posted = 0
    with redis.Redis.from_url(redis_url, socket_timeout=60) as client:
        began = time.monotonic()
        now = 0.0
        while now < load.seconds:
            wanted = int(load.rate * (now + SLICE_SECONDS))
            if wanted > posted:
                posted += _send(client, [*traffic.entries(wanted - posted, now)])
            due = now + SLICE_SECONDS
            time.sleep(max(0.0, began + due - time.monotonic()))
            now = time.monotonic() - began
            behind = max(behind, now - due)
    pipe.send(Posted(posted, behind, traffic.totals))


def _send(client: "redis.Redis", entries: list[Entry]) -> int:
    with client.pipeline(transaction=False) as pipeline:
        for channel, payload in entries:
            pipeline.xadd(channel, {"data": payload})
        pipeline.execute()
    return len(entries)
