"""The metrics by name, in Prometheus' conventions: base units, bounded labels.

docs/operations.md describes each of them; a test compares.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from anomalies_app.models import Severity
from dashboard.monitoring.probe import Answer
from sessions_app.telemetry import counters as names
from sessions_app.telemetry.pipeline_status import PipelineStatus

Figures = Mapping[str, float]
Amounts = Iterable[tuple[tuple[str, ...], float]]


class _Counter(NamedTuple):
    """A counter of the pipeline.

    Attributes:
        name: in Prometheus, between ``engagement_`` and ``_total``.
        figure: its name on Redis.
        labels: their names.
        description: for Prometheus.
    """

    name: str
    figure: str
    labels: tuple[str, ...]
    description: str


COUNTERS = (
    _Counter(
        "received_events",
        names.RECEIVED,
        ("channel", "transport"),
        "Payloads received, with those that were set aside or had come before.",
    ),
    _Counter(
        "dead_letters",
        names.DEAD_LETTERS,
        ("channel", "reason"),
        "Payloads that were set aside because they could not be read.",
    ),
    _Counter(
        "duplicate_events",
        names.DUPLICATES,
        ("reason",),
        "Events that came more than once and counted once.",
    ),
    _Counter(
        "refused_events",
        names.REFUSED,
        (),
        "Events of new sessions for which there was no room.",
    ),
    _Counter(
        "forgotten_users",
        names.FORGOTTEN,
        (),
        "Users of a session beyond those that are remembered: they are only counted.",
    ),
    _Counter(
        "forgotten_voters",
        names.FORGOTTEN_VOTERS,
        (),
        "Voters of a session beyond those that are remembered: another vote counts again.",
    ),
    _Counter(
        "forgotten_polls",
        names.FORGOTTEN_POLLS,
        (),
        "Polls of a session beyond those that are remembered: their participation is over.",
    ),
    _Counter(
        "lost_tables",
        names.LOST_TABLES,
        ("kind",),
        "Tables of sessions on Redis that could not be read and were set aside.",
    ),
    _Counter(
        "lost_log_lines",
        names.LOST_LOG_LINES,
        ("process",),
        "Lines of a process that are in no log, because it could not be written for too long.",
    ),
    _Counter(
        "too_late_events",
        names.TOO_LATE,
        (),
        "Events that came so late that nobody knows whether they have counted: they do not.",
    ),
    _Counter(
        "unreadable_blobs",
        names.UNREADABLE,
        ("kind",),
        "What was written for the scorer and cannot be read, set aside.",
    ),
    _Counter(
        "subscription_breaks",
        names.SUBSCRIPTION_BREAKS,
        (),
        "How often the subscription broke: what was published meanwhile is lost.",
    ),
    _Counter(
        "dropped_messages",
        names.DROPPED_MESSAGES,
        (),
        "Pub/Sub messages dropped: no room, held up too long, or another collector has them.",
    ),
    _Counter(
        "dropped_updates",
        names.DROPPED_UPDATES,
        ("step",),
        "Updates that web processes could not receive, read or tell a page.",
    ),
    _Counter(
        "refused_requests",
        names.REFUSED_REQUESTS,
        ("kind",),
        "What web processes were asked for and refused, for want of room or sense.",
    ),
    _Counter(
        "cut_off_clients",
        names.CUT_OFF_CLIENTS,
        ("kind",),
        "Connections that web processes ended because of what their clients did or did not do.",
    ),
    _Counter("session_scores", names.SCORES, (), "Scores of a session and tick."),
    _Counter(
        "alerts",
        names.ANOMALY_CHANGES,
        ("change", "type", "severity"),
        "Changes of anomalies that were published.",
    ),
    _Counter(
        "shard_failures",
        names.SHARD_FAILURES,
        ("stage",),
        "Times that a shard could not be scored, without an outage.",
    ),
    _Counter(
        "set_aside",
        names.SET_ASIDE,
        ("what",),
        "What was taken out of shards because it could not be worked on.",
    ),
    _Counter(
        "skipped_ticks",
        names.named(names.SKIPPED, "ticks"),
        (),
        "Ticks that were skipped after an outage too long to catch up with.",
    ),
    _Counter(
        "skipped_events",
        names.named(names.SKIPPED, "events"),
        (),
        "Events of skipped ticks, of those that were still kept.",
    ),
    _Counter(
        "left_out",
        names.LEFT_OUT,
        ("reason",),
        "Events and results that count for nothing: their session or poll is over, or gone.",
    ),
    _Counter(
        "rekeyed_sessions",
        names.REKEYED,
        (),
        "Live sessions that had another key after the database went back in time.",
    ),
    _Counter(
        "missed_broadcasts",
        names.MISSED_BROADCASTS,
        (),
        "Ticks of a shard that did not reach the screens.",
    ),
)


def part_family(answers: Mapping[str, Answer]) -> Metric:
    """Which of the servers have answered this scrape."""
    family = GaugeMetricFamily(
        "engagement_server_up", "Whether the server answered this scrape.", labels=["server"]
    )
    for server, answer in answers.items():
        family.add_metric([server], answer["ok"])
    return family


def redis_families(answer: Answer) -> Iterator[Metric]:
    """What the pipeline has counted, and how it stands now."""
    figures, pipeline = answer["figures"], answer["pipeline"]
    for name, figure, labels, description in COUNTERS:
        amounts = _labelled(figures, figure) if labels else [((), figures.get(figure, 0))]
        yield _counter(name, description, labels, amounts)
    late = [((), pipeline.totals.get("late_blocks", 0))]
    yield _counter(
        "late_blocks", "Blocks of events that came after their tick was scored.", (), late
    )
    yield from _stream_gauges(pipeline)
    yield from _scoring_families(figures, pipeline)
    yield from _shard_families(figures, pipeline)
    if answer["open_sockets"] is not None:
        yield _gauge("open_sockets", "Sockets of open pages.", answer["open_sockets"])
    yield _gauge("unreadable_keys", "Keys on Redis that cannot be read.", answer["unreadable"])


def database_families(answer: Answer) -> Iterator[Metric]:
    """What is live and open."""
    yield _gauge("live_sessions", "Sessions that are not over.", answer["live_sessions"])
    family = GaugeMetricFamily(
        "engagement_open_anomalies", "Anomalies that go on.", labels=["severity"]
    )
    for severity in Severity.values:
        family.add_metric([severity], answer["open_anomalies"].get(severity, 0))
    yield family


def _stream_gauges(pipeline: PipelineStatus) -> Iterator[Metric]:
    entries = GaugeMetricFamily(
        "engagement_stream_entries", "Entries of the stream.", labels=["channel"]
    )
    backlog = GaugeMetricFamily(
        "engagement_stream_backlog", "Entries that no collector has read.", labels=["channel"]
    )
    pending = GaugeMetricFamily(
        "engagement_stream_pending",
        "Entries that a collector has read and not handed on.",
        labels=["channel"],
    )
    for stream in pipeline.streams:
        if stream.length is not None:
            entries.add_metric([stream.name], stream.length)
            pending.add_metric([stream.name], stream.pending)
        if stream.backlog is not None:
            backlog.add_metric([stream.name], stream.backlog)
    yield from (entries, backlog, pending)
    yield _gauge("collectors", "Collectors that are running.", len(pipeline.collectors))


def _scoring_families(figures: Figures, pipeline: PipelineStatus) -> Iterator[Metric]:
    yield _tick_durations(figures)
    stages = SummaryMetricFamily(
        "engagement_tick_stage_seconds",
        "Time spent in a stage of a shard's tick.",
        labels=["stage"],
    )
    seconds = dict(_labelled(figures, names.STAGE_SECONDS))
    for labels, runs in _labelled(figures, names.STAGE_RUNS):
        stages.add_metric(labels, int(runs), seconds.get(labels, 0))
    yield stages
    if pipeline.scored_tick_age_seconds is not None:
        age = pipeline.scored_tick_age_seconds
        yield _gauge(
            "last_tick_age_seconds", "Time since the end of the last tick scored in full.", age
        )
    silences = GaugeMetricFamily(
        "engagement_heartbeat_age_seconds",
        "Time since the process was last heard of.",
        labels=["process"],
    )
    for process, age in pipeline.heartbeat_ages_seconds.items():
        if age is not None:
            silences.add_metric([process], age)
    yield silences


def _shard_families(figures: Figures, pipeline: PipelineStatus) -> Iterator[Metric]:
    scored = [shard.scored_tick for shard in pipeline.shards if shard.scored_tick is not None]
    behind = GaugeMetricFamily(
        "engagement_shard_ticks_behind", "Ticks behind the shard scored last.", labels=["shard"]
    )
    seconds = GaugeMetricFamily(
        "engagement_shard_tick_seconds", "Time that a tick has taken of late.", labels=["shard"]
    )
    for shard in pipeline.shards:
        if shard.scored_tick is not None:
            behind.add_metric([str(shard.shard)], max(scored) - shard.scored_tick)
        if shard.seconds_per_tick is not None:
            seconds.add_metric([str(shard.shard)], shard.seconds_per_tick)
    yield from (behind, seconds)
    failing = sum(shard.failure is not None for shard in pipeline.shards)
    yield _gauge("failing_shards", "Shards that could not be scored the last time.", failing)
    apart = sum(shard.is_apart for shard in pipeline.shards)
    yield _gauge("slow_shards", "Shards in the lane for slow ones.", apart)


def _tick_durations(figures: Figures) -> Metric:
    bounds = (*map(str, names.DURATION_BOUNDS), "+Inf")
    cumulative, buckets = 0.0, []
    for position, bound in enumerate(bounds):
        cumulative += figures.get(names.named(names.TICK_CLASSES, str(position)), 0)
        buckets.append((bound, cumulative))
    family = HistogramMetricFamily(
        "engagement_tick_duration_seconds", "Time that the tick of a shard took."
    )
    family.add_metric([], buckets, figures.get(names.TICK_SECONDS, 0))
    return family


def _labelled(figures: Figures, counter: str) -> list[tuple[tuple[str, ...], float]]:
    """The label values and amounts of one counter, in the order of the labels."""
    found = []
    for name, amount in figures.items():
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
