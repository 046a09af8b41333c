"""Metrics in bulk: what is stored already stays as it is, however often it comes again."""

import numpy as np
import pytest
import redis
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.models import EngagementMetric
from sessions_app.state.tick_metrics import METRIC
from sessions_app.storage.metrics import encode_copy, store_metrics
from sessions_app.ticks import tick_end
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


def test_storing_rows_again_keeps_the_first(redis_client: redis.Redis) -> None:
    metrics = np.zeros(3, METRIC)
    metrics["session_id"] = [1, 2, 3]
    metrics["score"] = 0.5
    store_metrics(metrics[:2], 100)
    metrics["score"] = 0.9
    store_metrics(metrics, 100)
    stored = EngagementMetric.objects.order_by("session_id").values_list("score", flat=True)
    assert list(stored) == [0.5, 0.5, 0.9]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 2**31 - 1), st.integers(1, 2**62)), max_size=5
    )
)
def test_copied_rows_come_back_as_they_were(values: list[tuple[float, int, int]]) -> None:
    values = list({value[2]: value for value in values}.values())
    EngagementMetric.objects.all().delete()
    metrics = np.zeros(len(values), METRIC)
    for row, (share, count, session_id) in enumerate(values):
        metrics[row]["session_id"] = session_id
        for name in METRIC.names[2:]:
            metrics[row][name] = share if METRIC[name].kind == "f" else count
    store_metrics(metrics, 7)
    for row, stored in enumerate(
        EngagementMetric.objects.in_bulk([(value[2], tick_end(7)) for value in values]).values()
    ):
        original = next(item for item in metrics if item["session_id"] == stored.session_id)
        for name in METRIC.names[2:]:
            assert getattr(stored, name) == original[name], row


def test_copy_data_has_postgresqls_signature() -> None:
    data = encode_copy(np.zeros(2, METRIC), tick_end(1))
    assert data.startswith(b"PGCOPY\n\xff\r\n\x00")
    assert data.endswith(b"\xff\xff")
