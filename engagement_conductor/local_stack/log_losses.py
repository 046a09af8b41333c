"""Reports to Redis, and so to health and metrics, which logs of this machine cannot be written."""

import os
import socket
import time

import redis

from engagement_conductor.local_stack.supervisor import Supervisor
from sessions_app.redis_access.client import connect_to
from sessions_app.telemetry.unwritten_logs import note_unwritten_logs

INTERVAL_SECONDS = 5.0
# Short, because the supervisor checks no process while it waits for Redis.
TIMEOUT_SECONDS = 0.5


class LogLossReporter:
    """Reports the logs of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._reported: dict[str, int] = {}
        self._due = 0.0

    def report(self) -> None:
        """Reports problems and newly lost lines, at most every 5 s; retried if Redis fails."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + INTERVAL_SECONDS
        totals = self._supervisor.lost_lines()
        lost = {name: count - self._reported.get(name, 0) for name, count in totals.items()}
        problems = self._supervisor.log_problems()
        url = os.environ.get("REDIS_URL")
        if url is None or not (problems or any(lost.values())):
            return
        try:
            with connect_to(url, TIMEOUT_SECONDS) as client:
                note_unwritten_logs(client, socket.gethostname(), lost, problems)
        except redis.RedisError:
            return
        self._reported = totals
