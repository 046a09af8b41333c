"""What a worker does when the broker refuses."""

import logging
import time

import pytest
import redis

from engagement_conductor.celery import app
from engagement_conductor.scheduling import consumer
from engagement_conductor.scheduling.consumer import RetryingConsumer


def test_a_broker_that_refuses_is_a_line_a_minute_and_asked_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consumer, "RETRY_SECONDS", 0.1)
    patient = RetryingConsumer.__new__(RetryingConsumer)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            patient.on_connection_error_before_connected(redis.OutOfMemoryError("no room"))
    assert time.monotonic() - began >= 0.3
    assert [record.getMessage().count("no room") for record in caplog.records] == [1]


def test_workers_are_that_patient() -> None:
    assert app.conf.worker_consumer.replace(":", ".").endswith(
        f"{RetryingConsumer.__module__}.{RetryingConsumer.__name__}"
    )
