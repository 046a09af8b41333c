"""Which tables TimescaleDB keeps in chunks."""

import pytest
from django.db import connection

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_metrics_lie_in_a_hypertable_where_timescaledb_is_there() -> None:
    if not connection.has_timescaledb:
        pytest.skip("plain PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT hypertable_name FROM timescaledb_information.hypertables")
        names = {name for (name,) in cursor.fetchall()}
    assert names == {"engagement_metrics", "anomalies", "interventions", "agent_performance"}
