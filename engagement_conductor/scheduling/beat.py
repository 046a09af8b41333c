"""The scheduler of Celery beat: keeps no schedule on disk, and writes heartbeats."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry, Scheduler, SchedulingError

from engagement_conductor.configuration import env
from sessions_app.redis_access.client import REDIS_ERRORS, connect
from sessions_app.telemetry.heartbeats import BEAT, note_heartbeat
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

FRESH_SECONDS = 30.0


def heartbeat_file() -> Path:
    """Touched about once a second while beat runs."""
    return env.data_dir() / "beat.heartbeat"


def is_alive(started_at: float = 0.0) -> bool:
    """Whether this data folder's beat ran within 30 s, and after ``started_at`` (Unix time)."""
    try:
        touched = heartbeat_file().stat().st_mtime
    except OSError:
        return False
    return touched > max(started_at, time.time() - FRESH_SECONDS)


class HeartbeatScheduler(Scheduler):
    """Celery's in-memory scheduler: every entry here depends on the clock alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._redis = connect()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        seconds: float = super().tick(*args, **kwargs)
        self._touch()
        return seconds

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Sends a task. If that fails, Celery's own method would log a stack and two tracebacks."""
        logger.info("Sending %s.", entry.name)
        try:
            self.apply_async(entry, producer=producer, advance=False)
            note_heartbeat(self._redis, BEAT)
        except (SchedulingError, *REDIS_ERRORS) as error:
            # Celery wraps the original error in its own.
            log_failure(logger, "Cannot send a task", error.__context__ or error)

    @staticmethod
    def _touch() -> None:
        """Touches the heartbeat file. A failure is logged, and ticks go on."""
        path = heartbeat_file()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            os.utime(path)
        except OSError as error:
            log_failure(logger, "Cannot write beat's heartbeat", error)
