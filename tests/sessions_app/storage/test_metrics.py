"""Metrics in bulk: what is stored already stays as it is, however often it comes again."""

import numpy as np
import pytest
from django.db import transaction

from sessions_app.models import EngagementMetric
from sessions_app.state.tick_metrics import METRIC
from sessions_app.storage.metrics import store_metrics
from tests.factories import make_event, make_session

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_two_parts_of_a_tick_are_stored_again_in_one_transaction() -> None:
    event, metrics = make_event("Talks"), np.zeros(4, METRIC)
    metrics["session_id"] = [make_session(event, f"s{number}").pk for number in range(4)]
    store_metrics(metrics[[0, 2]], 100)
    with transaction.atomic():
        store_metrics(metrics[:2], 100)
        store_metrics(metrics[2:], 100)
    assert EngagementMetric.objects.count() == 4
