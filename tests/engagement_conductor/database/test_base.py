"""The database backend on both kinds of server."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from engagement_conductor.local_stack import servers
from sessions_app.models import EngagementMetric

pytestmark = pytest.mark.integration

TIME_SERIES = {"engagement_metrics", "anomalies", "interventions", "agent_performance"}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
HYPERTABLES = "SELECT hypertable_name FROM timescaledb_information.hypertables"


def names(cursor, query):
    cursor.execute(query)
    return {row[0] for row in cursor.fetchall()}


def migrate(url, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, **variables},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def plain_url(tmp_path_factory):
    """A plain PostgreSQL."""
    folder = tmp_path_factory.mktemp("plain")
    with servers.running(servers.postgresql(folder), folder) as server:
        yield server.url


def test_time_series_are_hypertables_on_timescaledb(timescaledb):
    with connection.cursor() as cursor:
        assert names(cursor, HYPERTABLES) == TIME_SERIES


def test_time_series_have_the_promised_indexes_on_timescaledb(timescaledb):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, indexdef FROM pg_indexes WHERE tablename IN "
            "('engagement_metrics', 'anomalies')"
        )
        columns = {
            (table, text.rpartition(" USING btree ")[2].replace('"', "")) for table, text in cursor
        }
    assert ("engagement_metrics", "(session_id, time)") in columns
    assert any(t == "anomalies" and c.startswith("(session_id, ") for t, c in columns)
    assert any(t == "anomalies" and c.startswith("(severity, ") for t, c in columns)


def test_metrics_are_stored_once_per_session_and_time_on_timescaledb(timescaledb):
    columns = {field.column for field in EngagementMetric._meta.get_fields()}
    assert {"session_id", "time"} <= columns
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "engagement_metrics")
    unique = [sorted(c["columns"]) for c in constraints.values() if c["unique"]]
    assert ["session_id", "time"] in unique


def test_time_series_are_plain_tables_on_plain_postgresql(plain_url):
    result = migrate(plain_url, TIMESCALEDB_REQUIRED="False")
    assert result.returncode == 0, result.stderr
    with psycopg.connect(plain_url, connect_timeout=5) as plain, plain.cursor() as cursor:
        assert names(cursor, TABLES) >= TIME_SERIES
        assert names(cursor, "SELECT extname FROM pg_extension") == {"plpgsql"}
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'u') "
            "AND conrelid = 'engagement_metrics'::regclass"
        )
        assert cursor.fetchone()[0] >= 1


def test_migrating_twice_changes_nothing(plain_url):
    assert migrate(plain_url, TIMESCALEDB_REQUIRED="False").returncode == 0
    again = migrate(plain_url, TIMESCALEDB_REQUIRED="False")
    assert "No migrations to apply" in again.stdout


def test_required_timescaledb_that_is_missing_stops_the_migration(plain_url):
    result = migrate(plain_url, TIMESCALEDB_REQUIRED="True")
    assert result.returncode == 1
    assert "has no TimescaleDB" in result.stderr
