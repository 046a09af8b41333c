"""What the metrics are read from, each source asked with a time limit."""

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Count

from anomalies_app.models import Anomaly
from dashboard.live.subscriptions import count_open_sockets
from dashboard.losses import losses
from dashboard.monitoring.probe import Answer, Probe
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.telemetry.counters import read_figures
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.telemetry.readings import Readings

TIMEOUT_SECONDS = 2


def ask_redis() -> Answer:
    """The counters, with what this process has not added yet, and the state of the pipeline."""
    with connect(socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS) as client:
        readings = Readings()
        readings.read(keys.FIGURES, lambda: losses.save(client), None)
        figures = read_figures(client, readings)
        sockets = readings.read(keys.OPEN_SOCKETS, lambda: count_open_sockets(client), None)
        pipeline = pipeline_status(client)
        return {
            "figures": figures,
            "pipeline": pipeline,
            "open_sockets": sockets,
            "unreadable": len({**readings.problems, **pipeline.unreadable}),
        }


def ask_database() -> Answer:
    """How many sessions are live, and how many anomalies are open, by severity."""
    try:
        by_severity = Anomaly.objects.open().order_by().values_list("severity")
        return {
            "live_sessions": Session.objects.live().count(),
            "open_anomalies": dict(by_severity.annotate(Count("pk"))),
        }
    finally:
        # The connection belongs to this thread, which ends.
        connections[DEFAULT_DB_ALIAS].close()


PROBES = {"redis": Probe(ask_redis), "database": Probe(ask_database)}
