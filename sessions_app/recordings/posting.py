"""Posting events to Redis as the platform does, across outages, for replays and simulations."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import redis
from redis import exceptions

from sessions_app.backoff import Backoff
from sessions_app.recordings.event_recording import RecordedEvent
from sessions_app.telemetry.outages import is_outage

# Connection errors to redis-py, but not outages: they persist until the settings change.
LASTING_ERRORS = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
)


class Transport(StrEnum):
    """The two ways in which the platform's events reach Redis."""

    STREAM = "stream"
    PUBSUB = "pubsub"


class Poster:
    """Posts events in order until Redis has confirmed each of them.

    An event whose confirmation was lost with the connection is posted again: every event arrives
    at least once, and rarely twice.

    Args:
        client: does not retry by itself.
        transport: how to post.
        wait: sleeps up to the given number of seconds; returns True to stop.
        report_outage: called with the error and the seconds until the next attempt.

    Attributes:
        posted: number of events confirmed so far.
        unreceived: number of events that no subscriber received, by channel; Pub/Sub only.
    """

    def __init__(
        self,
        client: "redis.Redis",
        transport: Transport,
        wait: Callable[[float], bool],
        report_outage: Callable[[Exception, float], None],
    ) -> None:
        self.posted = 0
        self.unreceived: dict[str, int] = {}
        self._client = client
        self._transport = transport
        self._wait = wait
        self._report_outage = report_outage

    def post(self, events: Sequence[RecordedEvent]) -> bool:
        """Posts all ``events``; False if it was stopped before the last one was confirmed.

        Raises:
            redis.RedisError: Redis refuses the events permanently.
        """
        backoff = Backoff()
        remaining = list(events)
        while remaining:
            before = len(remaining)
            remaining, error = self._attempt(remaining)
            if error is None:
                break
            if len(remaining) < before:
                backoff.reset()
            self._report_outage(error, backoff.delay)
            if self._wait(backoff.delay):
                return False
            backoff.fail()
        return True

    def _attempt(self, events: list[RecordedEvent]) -> tuple[list[RecordedEvent], Exception | None]:
        """Posts what it can; returns the remaining events, and the reason."""
        try:
            answers = self._send(events)
        except LASTING_ERRORS:
            raise
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            return events, error
        refused = []
        reason = None
        for event, answer in zip(events, answers, strict=True):
            if isinstance(answer, Exception):
                reason = _passing(answer)
                refused.append(event)
            else:
                self._confirm(event, answer)
        return refused, reason

    def _send(self, events: list[RecordedEvent]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for event in events:
                if self._transport is Transport.STREAM:
                    pipeline.xadd(event.channel, {"data": event.payload})
                else:
                    pipeline.publish(event.channel, event.payload)
            return pipeline.execute(raise_on_error=False)

    def _confirm(self, event: RecordedEvent, answer: Any) -> None:
        self.posted += 1
        if self._transport is Transport.PUBSUB and answer == 0:
            self.unreceived[event.channel] = self.unreceived.get(event.channel, 0) + 1


def _passing(error: Exception) -> Exception:
    """Returns the error if waiting helps; raises any other."""
    if isinstance(error, LASTING_ERRORS) or not is_outage(error):
        raise error
    return error
