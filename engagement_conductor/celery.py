"""The Celery application and its beat schedule."""

import os
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.schedules import schedstate, schedule
from celery.signals import setup_logging

from sessions_app.ticks import TICK_SECONDS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")


class AlignedSchedule(schedule):
    """Due whenever Unix time reaches a multiple of ``run_every``, plus ``offset``.

    Celery's own interval schedule counts from the last run, so delays accumulate; this one never
    drifts.
    """

    def __init__(
        self, run_every: timedelta, offset: timedelta = timedelta(0), **kwargs: Any
    ) -> None:
        super().__init__(run_every, **kwargs)
        self.offset = offset

    def is_due(self, last_run_at: datetime) -> schedstate:
        period = self.run_every.total_seconds()
        now = self.now().timestamp() - self.offset.total_seconds()
        last = self.maybe_make_aware(last_run_at).timestamp() - self.offset.total_seconds()
        due = now // period > last // period
        return schedstate(is_due=due, next=period - now % period)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__class__, (self.run_every, self.offset)


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Keeps the logging of the settings: with a receiver, Celery does not configure its own."""


app = Celery("engagement_conductor", amqp="engagement_conductor.scheduling.broker:Amqp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_default_queue="engagement",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Otherwise a broker that refuses commands, as when its memory is full, would end the worker.
    broker_channel_error_retry=True,
    worker_consumer="engagement_conductor.scheduling.consumer:RetryingConsumer",
    broker_transport_options={
        "global_keyprefix": "engagement:celery:",
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    timezone="UTC",
    beat_scheduler="engagement_conductor.scheduling.beat:HeartbeatScheduler",
    beat_max_loop_interval=1,
)
app.autodiscover_tasks(["engagement_conductor"])
app.conf.beat_schedule = {
    "score-tick": {
        "task": "engagement_conductor.tasks.score_tick",
        "schedule": AlignedSchedule(timedelta(seconds=TICK_SECONDS), timedelta(milliseconds=20)),
        "options": {"expires": TICK_SECONDS},
    },
    "end-silent-sessions": {
        "task": "engagement_conductor.tasks.end_silent_sessions",
        "schedule": AlignedSchedule(timedelta(minutes=5), timedelta(seconds=3)),
        "options": {"expires": 240},
    },
    "drop-expired-metrics": {
        "task": "engagement_conductor.tasks.drop_expired_metrics",
        "schedule": AlignedSchedule(timedelta(hours=1), timedelta(seconds=13)),
        "options": {"expires": 1800},
    },
}
