"""Checks whether the processes of a stack respond."""

import http.client
import os
import time
from collections.abc import Callable

import redis
from kombu.exceptions import OperationalError

from engagement_conductor.celery import app
from engagement_conductor.local_stack.commands import COLLECTOR, WORKER
from engagement_conductor.scheduling import beat
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect_to

TIMEOUT_SECONDS = 3


class Readiness:
    """The checks by process name, for a stack whose web server listens on ``port``."""

    def __init__(self, port: int) -> None:
        self._port = port
        started_at = time.time()
        self.checks: dict[str, Callable[[], bool]] = {
            "collector": _collector_answers,
            "worker": _worker_answers,
            "beat": lambda: beat.is_alive(started_at),
            "web": self._web_answers,
        }

    def _web_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _collector_answers() -> bool:
    """Whether this stack's collector has sent a heartbeat; others may share the server."""
    try:
        with connect_to(os.environ["REDIS_URL"], TIMEOUT_SECONDS) as client:
            return client.zscore(keys.COLLECTORS, COLLECTOR) is not None
    except redis.RedisError:
        return False


def _worker_answers() -> bool:
    try:
        answers = app.control.inspect(destination=[WORKER], timeout=1).ping()
    except (OSError, redis.RedisError, OperationalError):
        return False
    return bool(answers)
