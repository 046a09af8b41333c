"""Prometheus metrics, read from Redis and the database, so every web process reports the same."""

from collections.abc import Callable, Iterator

from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from anomalies_app.models import Anomaly
from dashboard.http.losses import losses
from dashboard.live.subscriptions import count_open_sockets
from dashboard.monitoring.access import may_see_details
from dashboard.monitoring.metric_families import database_families, redis_families, server_family
from dashboard.monitoring.probe import Answer, Probe, ask_all
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.telemetry.counters import read_counters
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.telemetry.readings import Readings


class _Families(Collector):
    """Hands answers that were collected before to Prometheus' client."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        yield server_family(self._answers)
        if self._answers["redis"]["ok"]:
            yield from redis_families(self._answers["redis"])
        if self._answers["database"]["ok"]:
            yield from database_families(self._answers["database"])


@login_not_required
@require_safe
@never_cache
def show_metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for admins and clients with ``METRICS_TOKEN``; 401 for others.

    While Redis or the database is unavailable, only its metrics are missing.
    """
    if not may_see_details(request):
        headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse("A token is required.\n", "text/plain", 401, headers=headers)
    encode, content_type = _encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_Families(ask_all(PROBES))), content_type=content_type)


def _encoder(accepted: str) -> tuple[Callable[[Collector], bytes], str]:
    """The format that the client accepts; plain text if its ``Accept`` cannot be parsed."""
    try:
        return choose_encoder(accepted)
    except (TypeError, ValueError):  # a version that is not a number
        return choose_encoder("")


TIMEOUT_SECONDS = 2


def ask_redis() -> Answer:
    """The counters, including those this process had not added yet, and the pipeline's state."""
    with connect(socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS) as client:
        readings = Readings()
        readings.read(keys.COUNTERS, lambda: losses.save(client), None)
        counters = read_counters(client, readings)
        sockets = readings.read(keys.OPEN_SOCKETS, lambda: count_open_sockets(client), None)
        pipeline = pipeline_status(client)
        return {
            "counters": counters,
            "pipeline": pipeline,
            "open_sockets": sockets,
            "unreadable": len({**readings.problems, **pipeline.unreadable}),
        }


def ask_database() -> Answer:
    """The number of live sessions, and of open anomalies by severity."""
    try:
        by_severity = Anomaly.objects.open().order_by().values_list("severity")
        return {
            "live_sessions": Session.objects.live().count(),
            "open_anomalies": dict(by_severity.annotate(Count("pk"))),
        }
    finally:
        # The connection belongs to this thread, which is about to end.
        connections[DEFAULT_DB_ALIAS].close()


PROBES = {"redis": Probe(ask_redis), "database": Probe(ask_database)}
