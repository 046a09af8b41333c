"""Command lines of earlier releases still start beat."""

import pytest
from celery.utils.imports import symbol_by_name

from engagement_conductor.celery import app
from engagement_conductor.scheduling.beat import HeartbeatScheduler


@pytest.mark.parametrize("given", [None, "engagement_conductor.beat.HeartbeatScheduler"])
def test_beat_has_one_scheduler_with_and_without_its_former_name(given: str | None) -> None:
    assert symbol_by_name(app.Beat(scheduler=given).scheduler_cls) is HeartbeatScheduler
