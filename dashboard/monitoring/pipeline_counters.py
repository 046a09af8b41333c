"""The pipeline's counters: names, labels and descriptions."""

from typing import NamedTuple

from sessions_app.telemetry import counters as names


class Counter(NamedTuple):
    """A counter of the pipeline.

    Attributes:
        name: the part of its Prometheus name between ``engagement_`` and ``_total``.
        key: its name on Redis.
        labels: label names.
        description: help text in Prometheus.
    """

    name: str
    key: str
    labels: tuple[str, ...]
    description: str


COUNTERS = (
    Counter(
        "received_events",
        names.RECEIVED,
        ("channel", "transport"),
        "Payloads received, including dead letters and duplicates.",
    ),
    Counter(
        "dead_letters",
        names.DEAD_LETTERS,
        ("channel", "reason"),
        "Payloads set aside because they could not be read.",
    ),
    Counter(
        "duplicate_events",
        names.DUPLICATES,
        ("reason",),
        "Events received more than once and counted once.",
    ),
    Counter(
        "refused_events",
        names.REFUSED,
        (),
        "Events of new sessions that exceeded the session limit.",
    ),
    Counter(
        "forgotten_users",
        names.FORGOTTEN,
        (),
        "Users beyond the number remembered per session: they are only counted.",
    ),
    Counter(
        "forgotten_voters",
        names.FORGOTTEN_VOTERS,
        (),
        "Voters beyond the number remembered per session: another vote counts again.",
    ),
    Counter(
        "forgotten_polls",
        names.FORGOTTEN_POLLS,
        (),
        "Polls beyond the number remembered per session: their participation ends.",
    ),
    Counter(
        "lost_tables",
        names.LOST_TABLES,
        ("kind",),
        "Session tables on Redis that could not be read and were set aside.",
    ),
    Counter(
        "lost_log_lines",
        names.LOST_LOG_LINES,
        ("process",),
        "Log lines of a process that were lost because its log could not be written for too long.",
    ),
    Counter(
        "too_late_events",
        names.TOO_LATE,
        (),
        "Events too late to tell whether they were counted before; they are not counted.",
    ),
    Counter(
        "unreadable_blobs",
        names.UNREADABLE,
        ("kind",),
        "Data for the scorer that could not be read and was set aside.",
    ),
    Counter(
        "subscription_breaks",
        names.SUBSCRIPTION_BREAKS,
        (),
        "Interruptions of the subscription; messages published meanwhile are lost.",
    ),
    Counter(
        "dropped_messages",
        names.DROPPED_MESSAGES,
        (),
        "Pub/Sub messages dropped: queue full, delayed too long, or another collector has them.",
    ),
    Counter(
        "dropped_updates",
        names.DROPPED_UPDATES,
        ("step",),
        "Updates that web processes could not receive, read or send to a page.",
    ),
    Counter(
        "refused_requests",
        names.REFUSED_REQUESTS,
        ("kind",),
        "Requests that web processes refused because of overload or impossible values.",
    ),
    Counter(
        "cut_off_clients",
        names.CUT_OFF_CLIENTS,
        ("kind",),
        "Connections that web processes closed because of their clients' behaviour.",
    ),
    Counter("session_scores", names.SCORES, (), "Scores computed, one per session and tick."),
    Counter(
        "alerts",
        names.ANOMALY_CHANGES,
        ("change", "type", "severity"),
        "Published changes of anomalies.",
    ),
    Counter(
        "shard_failures",
        names.SHARD_FAILURES,
        ("stage",),
        "Failures to score a shard for reasons other than an outage.",
    ),
    Counter(
        "set_aside",
        names.SET_ASIDE,
        ("what",),
        "Items quarantined from shards because they could not be processed.",
    ),
    Counter(
        "skipped_ticks",
        names.named(names.SKIPPED, "ticks"),
        (),
        "Ticks skipped after an outage too long to catch up on.",
    ),
    Counter(
        "skipped_events",
        names.named(names.SKIPPED, "events"),
        (),
        "Events of skipped ticks that were still stored.",
    ),
    Counter(
        "left_out",
        names.LEFT_OUT,
        ("reason",),
        "Events and results not counted because their session or poll has ended or is gone.",
    ),
    Counter(
        "rekeyed_sessions",
        names.REKEYED,
        (),
        "Live sessions whose key changed after the database was restored to an earlier state.",
    ),
    Counter(
        "missed_broadcasts",
        names.MISSED_BROADCASTS,
        (),
        "Ticks of a shard that did not reach open pages.",
    ),
)
