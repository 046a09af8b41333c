"""Metrics for Prometheus: read from Redis and the database, so every web process tells the same."""

from collections.abc import Callable, Iterator

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dashboard.monitoring.access import may_look_inside
from dashboard.monitoring.metric_families import database_families, part_family, redis_families
from dashboard.monitoring.metric_sources import PROBES
from dashboard.monitoring.probe import Answer, ask_all


class _Families(Collector):
    """Tells Prometheus' client what has been asked already."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        yield part_family(self._answers)
        if self._answers["redis"]["ok"]:
            yield from redis_families(self._answers["redis"])
        if self._answers["database"]["ok"]:
            yield from database_families(self._answers["database"])


@login_not_required
@require_safe
@never_cache
def show_metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, to admins and to whoever bears ``METRICS_TOKEN``; 401 for others.

    While Redis or the database is away, its metrics are missing and the others are there.
    """
    if not may_look_inside(request):
        headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse("A token is needed.\n", "text/plain", 401, headers=headers)
    encode, content_type = _encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_Families(ask_all(PROBES))), content_type=content_type)


def _encoder(accepted: str) -> tuple[Callable[[Collector], bytes], str]:
    """By what the client accepts; plain text if that cannot be read."""
    try:
        return choose_encoder(accepted)
    except (TypeError, ValueError):  # a version of letters
        return choose_encoder("")
