"""What a worker does when the broker refuses."""

import logging
import time
import warnings

import pytest
import redis
from kombu import Consumer, Exchange, Message, Producer, Queue

from engagement_conductor.celery import app
from engagement_conductor.scheduling import consumer
from engagement_conductor.scheduling.broker import BrokerConnection
from engagement_conductor.scheduling.consumer import RetryingConsumer
from tests.servers.restartable_valkey import RestartableValkey


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


def test_a_connection_that_breaks_with_a_task_in_hand_does_not_end_the_worker(
    valkey: RestartableValkey,
) -> None:
    connection = BrokerConnection(valkey.url)
    tasks = Queue("tasks", channel=connection.default_channel)
    tasks.declare()
    Producer(connection.default_channel).publish({}, routing_key="tasks")
    # As a worker does: tasks on one channel, remote control on another.
    control = connection.channel()
    control_queue = Queue("control", Exchange("control", "fanout"), auto_delete=True)
    received: list[Message] = []
    Consumer(connection.default_channel, tasks, on_message=received.append).consume()
    Consumer(control, control_queue, on_message=received.append).consume()
    while not received:
        connection.drain_events(timeout=5)
    # Waits for another task; the first is not acknowledged.
    connection.transport.cycle.on_poll_start()
    valkey.kill()
    worker = RetryingConsumer.__new__(RetryingConsumer)
    worker.app, worker.connection, worker.qos_global = app, connection, False
    with warnings.catch_warnings(action="ignore"):
        worker.on_connection_error_after_connected(redis.ConnectionError("gone"))
    assert worker.connection is None
