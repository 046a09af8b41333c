"""Old metrics are dropped, by chunks where there are any."""

import numpy as np
import pytest
import redis
from django.db import connection

from sessions_app.models import EngagementMetric
from sessions_app.redis_access.client import server_time_ms
from sessions_app.state.tick_metrics import METRIC
from sessions_app.storage.metrics import store_metrics
from sessions_app.storage.retention import drop_metrics_before
from sessions_app.ticks import tick_at, tick_end

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_old_metrics_are_dropped(redis_client: redis.Redis) -> None:
    metrics = np.zeros(1, METRIC)
    metrics["session_id"] = 1
    now = tick_at(server_time_ms(redis_client))
    ten_days = 10 * 24 * 720
    for tick in (now, now - ten_days):
        store_metrics(metrics, tick)
    drop_metrics_before(tick_end(now - ten_days // 2))
    assert [row.time for row in EngagementMetric.objects.all()] == [tick_end(now)]


def test_old_metrics_of_a_table_older_than_the_extension_are_dropped(
    redis_client: redis.Redis,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_metrics RENAME TO first_metrics")
        cursor.execute("CREATE TABLE engagement_metrics (LIKE first_metrics INCLUDING ALL)")
    try:
        test_old_metrics_are_dropped(redis_client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE engagement_metrics")
            cursor.execute("ALTER TABLE first_metrics RENAME TO engagement_metrics")
