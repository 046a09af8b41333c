"""The metrics: complete, documented, and from what is counted and measured."""

import re
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families as parse

from sessions_app.models import EngagementMetric
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import tick_end_ms
from tests.dashboard.monitoring.test_metrics import TOKEN, run_pipeline, scrape, value
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

OPERATIONS = Path(settings.BASE_DIR) / "docs" / "operations.md"


@pytest.fixture(autouse=True)
def _monitored(settings: Any, redis_client: redis.Redis) -> None:
    settings.METRICS_TOKEN = "secret"


def test_what_the_pipeline_did_is_counted(redis_client: redis.Redis) -> None:
    tick = run_pipeline(redis_client)
    samples = scrape()
    oldest = max(0, server_time_ms(redis_client) - tick_end_ms(tick)) / 1000
    by_stream = {"channel": keys.CHAT_MESSAGE, "transport": "stream"}
    assert value(samples, "received_events_total", **by_stream) == 3
    for reason in ("not_json", "wrong_shape"):
        labels = {"channel": keys.CHAT_MESSAGE, "reason": reason}
        assert value(samples, "dead_letters_total", **labels) == 1
    assert value(samples, "duplicate_events_total", reason="chat") == 1
    assert value(samples, "session_scores_total") == EngagementMetric.objects.count() > 0
    assert value(samples, "tick_duration_seconds_count") >= keys.SHARD_COUNT
    bucket = value(samples, "tick_duration_seconds_bucket", le="+Inf")
    assert bucket == value(samples, "tick_duration_seconds_count")
    for stage in ("read", "advance", "score", "detect", "commit", "store", "publish", "broadcast"):
        assert value(samples, "tick_stage_seconds_sum", stage=stage) > 0
    assert value(samples, "live_sessions") == 1
    assert value(samples, "stream_backlog", channel=keys.CHAT_MESSAGE) == 0
    assert 0 <= value(samples, "last_tick_age_seconds") <= oldest


def test_open_anomalies_are_told_by_severity(cast: Cast) -> None:
    make_anomaly(make_notice(cast.session, severity="CRITICAL"))
    samples = scrape()
    assert value(samples, "open_anomalies", severity="CRITICAL") == 1
    assert value(samples, "open_anomalies", severity="WARNING") == 0


def test_each_metric_is_in_the_documentation(redis_client: redis.Redis) -> None:
    run_pipeline(redis_client)
    kinds = r"gauge|counter|histogram|summary"
    described = dict(
        re.findall(rf"^\| `(engagement_\w+)` \| ({kinds}) ", OPERATIONS.read_text(), re.MULTILINE)
    )
    families = parse(Client().get("/metrics", headers=TOKEN).content.decode())
    told = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in families
    }
    assert told == described
