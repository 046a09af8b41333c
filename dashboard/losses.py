"""What this web process dropped or had no room for: counted, and logged once a minute at most."""

import logging
import math
import time
from collections import Counter

import redis

from sessions_app.figures import DROPPED_UPDATES, named, queue_figures

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0
# What could not be done with an update; the names are the labels of the counter.
STEPS = {"receive": "received", "read": "read", "tell": "told"}


class Losses:
    """Counts what was dropped, until it is added to the counters on Redis."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._since_line: Counter[str] = Counter()
        self._line_at: dict[str, float] = {}

    def count(self, name: str) -> None:
        """Counts one more of what nobody has to be told of."""
        self._counted[name] += 1

    def note(self, step: str, error: Exception) -> None:
        """Counts one more update.

        Args:
            step: one of :data:`STEPS`.
            error: why; the last one is named in the log.
        """
        self.count(named(DROPPED_UPDATES, step))
        self._since_line[step] += 1
        now = time.monotonic()
        if now - self._line_at.get(step, -math.inf) >= SECONDS_BETWEEN_LINES:
            number = self._since_line.pop(step)
            logger.error("%d updates cannot be %s: %r", number, STEPS[step], error)
            self._line_at[step] = now

    def save(self, client: "redis.Redis") -> None:
        """Adds what was counted to the counters on Redis.

        Raises:
            redis.RedisError: Redis does not answer; it is added the next time.
        """
        counted = self.take()
        with client.pipeline(transaction=False) as pipeline:
            queue_figures(pipeline, counted)
            try:
                pipeline.execute()
            except redis.RedisError:
                self.put_back(counted)
                raise

    def take(self) -> Counter[str]:
        """What was counted since the last call, by the names of the counters."""
        counted, self._counted = self._counted, Counter()
        return counted

    def put_back(self, counted: Counter[str]) -> None:
        """Counts again what could not be added."""
        self._counted.update(counted)


losses = Losses()
