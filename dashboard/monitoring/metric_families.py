"""Metric families following Prometheus' conventions: base units, bounded labels.

docs/operations.md describes each of them; a test compares the two.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from anomalies_app.models import Severity
from dashboard.monitoring.pipeline_counters import COUNTERS
from dashboard.monitoring.probe import Answer
from sessions_app.telemetry import counters as names
from sessions_app.telemetry.pipeline_status import PipelineStatus

Counts = Mapping[str, float]
Amounts = Iterable[tuple[tuple[str, ...], float]]


def server_family(answers: Mapping[str, Answer]) -> Metric:
    """Which servers answered during this scrape."""
    family = GaugeMetricFamily(
        "engagement_server_up", "Whether the server answered during this scrape.", labels=["server"]
    )
    for server, answer in answers.items():
        family.add_metric([server], answer["ok"])
    return family


def redis_families(answer: Answer) -> Iterator[Metric]:
    """The pipeline's counters and its current state."""
    counts, pipeline = answer["counters"], answer["pipeline"]
    for name, key, labels, description in COUNTERS:
        amounts = _labelled(counts, key) if labels else [((), counts.get(key, 0))]
        yield _counter(name, description, labels, amounts)
    late = [((), pipeline.totals.get("late_blocks", 0))]
    yield _counter(
        "late_blocks", "Blocks of events that arrived after their tick was scored.", (), late
    )
    yield from _stream_gauges(pipeline)
    yield from _scoring_families(counts, pipeline)
    yield from _shard_families(counts, pipeline)
    if answer["open_sockets"] is not None:
        yield _gauge("open_sockets", "Open WebSockets of pages.", answer["open_sockets"])
    yield _gauge("unreadable_keys", "Redis keys that cannot be read.", answer["unreadable"])


def database_families(answer: Answer) -> Iterator[Metric]:
    """Live sessions and open anomalies."""
    yield _gauge("live_sessions", "Sessions that have not ended.", answer["live_sessions"])
    family = GaugeMetricFamily(
        "engagement_open_anomalies", "Anomalies that have not ended.", labels=["severity"]
    )
    for severity in Severity.values:
        family.add_metric([severity], answer["open_anomalies"].get(severity, 0))
    yield family


def _stream_gauges(pipeline: PipelineStatus) -> Iterator[Metric]:
    entries = GaugeMetricFamily(
        "engagement_stream_entries", "Entries in the stream.", labels=["channel"]
    )
    backlog = GaugeMetricFamily(
        "engagement_stream_backlog", "Entries not yet read by a collector.", labels=["channel"]
    )
    pending = GaugeMetricFamily(
        "engagement_stream_pending",
        "Entries read but not yet acknowledged by a collector.",
        labels=["channel"],
    )
    for stream in pipeline.streams:
        if stream.length is not None:
            entries.add_metric([stream.name], stream.length)
            pending.add_metric([stream.name], stream.pending)
        if stream.backlog is not None:
            backlog.add_metric([stream.name], stream.backlog)
    yield from (entries, backlog, pending)
    yield _gauge("collectors", "Running collectors.", len(pipeline.collectors))


def _scoring_families(counts: Counts, pipeline: PipelineStatus) -> Iterator[Metric]:
    yield _tick_durations(counts)
    stages = SummaryMetricFamily(
        "engagement_tick_stage_seconds",
        "Time spent in a stage of a shard's tick.",
        labels=["stage"],
    )
    seconds = dict(_labelled(counts, names.STAGE_SECONDS))
    for labels, runs in _labelled(counts, names.STAGE_RUNS):
        stages.add_metric(labels, int(runs), seconds.get(labels, 0))
    yield stages
    if pipeline.scored_tick_age_seconds is not None:
        age = pipeline.scored_tick_age_seconds
        yield _gauge(
            "last_tick_age_seconds",
            "Time since the end of the last tick scored in full.",
            age,
        )
    heartbeats = GaugeMetricFamily(
        "engagement_heartbeat_age_seconds",
        "Time since the last heartbeat of the process.",
        labels=["process"],
    )
    for process, age in pipeline.heartbeat_ages_seconds.items():
        if age is not None:
            heartbeats.add_metric([process], age)
    yield heartbeats


def _shard_families(counts: Counts, pipeline: PipelineStatus) -> Iterator[Metric]:
    scored = [shard.scored_tick for shard in pipeline.shards if shard.scored_tick is not None]
    behind = GaugeMetricFamily(
        "engagement_shard_ticks_behind", "Ticks behind the most advanced shard.", labels=["shard"]
    )
    seconds = GaugeMetricFamily(
        "engagement_shard_tick_seconds", "Recent duration of a tick of the shard.", labels=["shard"]
    )
    for shard in pipeline.shards:
        if shard.scored_tick is not None:
            behind.add_metric([str(shard.shard)], max(scored) - shard.scored_tick)
        if shard.seconds_per_tick is not None:
            seconds.add_metric([str(shard.shard)], shard.seconds_per_tick)
    yield from (behind, seconds)
    failing = sum(shard.failure is not None for shard in pipeline.shards)
    yield _gauge("failing_shards", "Shards whose last attempt at scoring failed.", failing)
    apart = sum(shard.is_apart for shard in pipeline.shards)
    yield _gauge("slow_shards", "Shards in the slow lane.", apart)


def _tick_durations(counts: Counts) -> Metric:
    bounds = (*map(str, names.DURATION_BOUNDS), "+Inf")
    cumulative, buckets = 0.0, []
    for position, bound in enumerate(bounds):
        cumulative += counts.get(names.named(names.TICK_CLASSES, str(position)), 0)
        buckets.append((bound, cumulative))
    family = HistogramMetricFamily(
        "engagement_tick_duration_seconds", "Duration of a shard's tick."
    )
    family.add_metric([], buckets, counts.get(names.TICK_SECONDS, 0))
    return family


def _labelled(counts: Counts, counter: str) -> list[tuple[tuple[str, ...], float]]:
    """The label values and amounts of one counter, in the order of the labels."""
    found = []
    for name, amount in counts.items():
        first, *labels = name.split(":")
        if first == counter:
            found.append((tuple(labels), amount))
    return sorted(found)


def _counter(name: str, description: str, labels: tuple[str, ...], amounts: Amounts) -> Metric:
    family = CounterMetricFamily(f"engagement_{name}", description, labels=labels)
    for values, amount in amounts:
        family.add_metric(values, amount)
    return family


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(f"engagement_{name}", description, value)
