"""Scoring processes, like Celery's workers."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from django.db import connections

from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.catching_up import score_shard
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect

PROCESSES = 2


class Scorers:
    """Processes that each score a part of the shards."""

    def __init__(self) -> None:
        self._workers = [_Worker(number) for number in range(PROCESSES)]

    def score(self, tick: int) -> None:
        """Scores all shards up to a tick; returns when it is stored and published."""
        for worker in self._workers:
            worker.pipe.send(tick)
        for worker in self._workers:
            worker.pipe.recv()

    @property
    def pids(self) -> list[int]:
        """Process IDs."""
        return [worker.process.pid for worker in self._workers if worker.process.pid]

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()


@contextmanager
def running_scorers() -> Iterator[Scorers]:
    """Scorers until the block ends."""
    scorers = Scorers()
    try:
        yield scorers
    finally:
        scorers.stop()


class _Worker:
    """A process that scores its part of the shards whenever it receives a tick."""

    def __init__(self, number: int) -> None:
        connections.close_all()
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_work, args=(number, theirs), daemon=True)
        self.process.start()

    def stop(self) -> None:
        self.pipe.send(None)
        self.process.join()


def _work(number: int, pipe: Connection) -> None:
    client = connect(socket_timeout=60)
    caches = WorkerCaches(client)
    while (tick := pipe.recv()) is not None:
        for shard in range(number, keys.SHARD_COUNT, PROCESSES):
            score_shard(client, shard, tick, caches)
        pipe.send(tick)
    connections.close_all()
