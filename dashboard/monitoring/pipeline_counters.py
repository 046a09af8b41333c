"""The counters of the pipeline by name, each with its labels and what it counts."""

from typing import NamedTuple

from sessions_app.telemetry import counters as names


class Counter(NamedTuple):
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
    Counter(
        "received_events",
        names.RECEIVED,
        ("channel", "transport"),
        "Payloads received, with those that were set aside or had come before.",
    ),
    Counter(
        "dead_letters",
        names.DEAD_LETTERS,
        ("channel", "reason"),
        "Payloads that were set aside because they could not be read.",
    ),
    Counter(
        "duplicate_events",
        names.DUPLICATES,
        ("reason",),
        "Events that came more than once and counted once.",
    ),
    Counter(
        "refused_events",
        names.REFUSED,
        (),
        "Events of new sessions for which there was no room.",
    ),
    Counter(
        "forgotten_users",
        names.FORGOTTEN,
        (),
        "Users of a session beyond those that are remembered: they are only counted.",
    ),
    Counter(
        "forgotten_voters",
        names.FORGOTTEN_VOTERS,
        (),
        "Voters of a session beyond those that are remembered: another vote counts again.",
    ),
    Counter(
        "forgotten_polls",
        names.FORGOTTEN_POLLS,
        (),
        "Polls of a session beyond those that are remembered: their participation is over.",
    ),
    Counter(
        "lost_tables",
        names.LOST_TABLES,
        ("kind",),
        "Tables of sessions on Redis that could not be read and were set aside.",
    ),
    Counter(
        "lost_log_lines",
        names.LOST_LOG_LINES,
        ("process",),
        "Lines of a process that are in no log, because it could not be written for too long.",
    ),
    Counter(
        "too_late_events",
        names.TOO_LATE,
        (),
        "Events that came so late that nobody knows whether they have counted: they do not.",
    ),
    Counter(
        "unreadable_blobs",
        names.UNREADABLE,
        ("kind",),
        "What was written for the scorer and cannot be read, set aside.",
    ),
    Counter(
        "subscription_breaks",
        names.SUBSCRIPTION_BREAKS,
        (),
        "How often the subscription broke: what was published meanwhile is lost.",
    ),
    Counter(
        "dropped_messages",
        names.DROPPED_MESSAGES,
        (),
        "Pub/Sub messages dropped: no room, held up too long, or another collector has them.",
    ),
    Counter(
        "dropped_updates",
        names.DROPPED_UPDATES,
        ("step",),
        "Updates that web processes could not receive, read or tell a page.",
    ),
    Counter(
        "refused_requests",
        names.REFUSED_REQUESTS,
        ("kind",),
        "What web processes were asked for and refused, for want of room or sense.",
    ),
    Counter(
        "cut_off_clients",
        names.CUT_OFF_CLIENTS,
        ("kind",),
        "Connections that web processes ended because of what their clients did or did not do.",
    ),
    Counter("session_scores", names.SCORES, (), "Scores of a session and tick."),
    Counter(
        "alerts",
        names.ANOMALY_CHANGES,
        ("change", "type", "severity"),
        "Changes of anomalies that were published.",
    ),
    Counter(
        "shard_failures",
        names.SHARD_FAILURES,
        ("stage",),
        "Times that a shard could not be scored, without an outage.",
    ),
    Counter(
        "set_aside",
        names.SET_ASIDE,
        ("what",),
        "What was taken out of shards because it could not be worked on.",
    ),
    Counter(
        "skipped_ticks",
        names.named(names.SKIPPED, "ticks"),
        (),
        "Ticks that were skipped after an outage too long to catch up with.",
    ),
    Counter(
        "skipped_events",
        names.named(names.SKIPPED, "events"),
        (),
        "Events of skipped ticks, of those that were still kept.",
    ),
    Counter(
        "left_out",
        names.LEFT_OUT,
        ("reason",),
        "Events and results that count for nothing: their session or poll is over, or gone.",
    ),
    Counter(
        "rekeyed_sessions",
        names.REKEYED,
        (),
        "Live sessions that had another key after the database went back in time.",
    ),
    Counter(
        "missed_broadcasts",
        names.MISSED_BROADCASTS,
        (),
        "Ticks of a shard that did not reach the screens.",
    ),
)
