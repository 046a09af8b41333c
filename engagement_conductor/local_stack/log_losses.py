"""Tells Redis, and so health and metrics, which logs of this machine are not written."""

import os
import socket
import time

import redis

from engagement_conductor.local_stack.supervisor import Supervisor
from sessions_app.redis_access.client import connect_to
from sessions_app.telemetry.unwritten_logs import note_unwritten_logs

EACH_SECONDS = 5.0
# The supervisor has others to look after.
TIMEOUT_SECONDS = 0.5


class LogLosses:
    """What is to be told of the logs that a supervisor keeps."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._told: dict[str, int] = {}
        self._due = 0.0

    def tell(self) -> None:
        """Every few seconds, if there is something; what Redis does not take is told next time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EACH_SECONDS
        totals = self._supervisor.lost_lines()
        lost = {name: count - self._told.get(name, 0) for name, count in totals.items()}
        problems = self._supervisor.log_problems()
        url = os.environ.get("REDIS_URL")
        if url is None or not (problems or any(lost.values())):
            return
        try:
            with connect_to(url, TIMEOUT_SECONDS) as client:
                note_unwritten_logs(client, socket.gethostname(), lost, problems)
        except redis.RedisError:
            return
        self._told = totals
