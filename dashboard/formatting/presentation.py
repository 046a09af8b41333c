"""Labels, texts and thresholds shown on screens: for templates, and as data for scripts.

Whatever both templates and scripts need is defined only here. Scripts read :data:`PRESENTATION`
from the page (static/js/presentation.js); what no template needs is defined in the scripts.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from anomalies_app.models import AnomalyType, Severity
from sessions_app.models import PauseKind
from sessions_app.scoring.score import CATEGORY_FLOORS
from sessions_app.ticks import TICK_MS

# Labels by kind and name. The empty name has the label for unknown names, such as those of a newer
# release; without it, the name itself is shown.
LABELS: dict[str, dict[str, str]] = {
    "category": {
        "VERY_HIGH": "Very high",
        "HIGH": "High",
        "MODERATE": "Moderate",
        "LOW": "Low",
        "VERY_LOW": "Very low",
        "": "No score yet",
    },
    "anomaly": {**{str(name): str(label) for name, label in AnomalyType.choices}, "": "Unusual"},
    "severity": {**{str(name): str(label) for name, label in Severity.choices}, "": "Warning"},
    "pause": {str(name): str(label) for name, label in PauseKind.choices},
}

# Other texts that both the first paint and scripts write. Braces mark placeholders.
WORDS = {
    "acknowledged": "{what} at {time}",
    "over": "Ended",
    "over_since": "Ended at",
    "since": "Since",
    "engagement_now": "Engagement now",
    "engagement_at_end": "Engagement at the end",
    "connecting": "Connecting",
    "live": "{count} session live now",
    "live_many": "{count} sessions live now",
    "with_alert": ", {count} with an alert",
    "shown": "{shown} of {count} shown",
}

# Most severe first, as on the overview.
SEVERITIES = (Severity.CRITICAL.value, Severity.WARNING.value)
# A line on every chart and card; sessions below it need attention.
ATTENTION_LINE = 0.3
# Length of the sparkline on a card, one point per tick.
SPARKLINE_POINTS = 60
# How long a banner stays after its anomaly has ended.
BANNER_LINGER_MS = 60_000
# Points that are further apart than this many steps have a gap between them.
GAP_STEPS = 1.5


class Range(NamedTuple):
    """A range of a session for its chart.

    Attributes:
        length: duration up to the last point; None for the whole session.
        label: of the link that selects it.
        title: of the chart.
    """

    length: timedelta | None
    label: str
    title: str

    @property
    def milliseconds(self) -> int | None:
        """The length for scripts."""
        return None if self.length is None else self.length // timedelta(milliseconds=1)


# By their names in URLs; the first is the default.
RANGES = {
    "5m": Range(timedelta(minutes=5), "5 min", "Last 5 minutes"),
    "30m": Range(timedelta(minutes=30), "30 min", "Last 30 minutes"),
    "2h": Range(timedelta(hours=2), "2 h", "Last 2 hours"),
    "all": Range(None, "All", "Whole session"),
}


class Row(NamedTuple):
    """How a signal is presented on a session's page.

    Attributes:
        name: of the signal.
        form: number format: ``whole``, or ``percent`` for a ratio.
        hint: what is measured, in words.
        beside: a second signal, shown after the hint.
    """

    name: str
    label: str
    unit: str
    form: str
    hint: str = ""
    beside: str = ""


SIGNAL_CARDS = (
    Row("chat_msgs_per_min", "Chat", "/min", "whole", "in the last minute"),
    Row("active_users", "Active users", "", "whole", "of", "total_users"),
    Row("poll_participation", "Poll participation", "%", "percent", "of those present voted"),
    Row("reactions_per_min", "Reactions", "/min", "whole", "in the last minute"),
    Row("user_leave_rate", "Leaving", "%", "percent", "left in the last minute"),
)
CONTRIBUTION_ROWS = (
    Row("chat_msgs_per_min", "Chat", "a minute", "whole"),
    Row("poll_participation", "Polls", "% voted", "percent"),
    Row("active_users", "Active users", "% of all", "percent"),
    Row("reactions_per_min", "Reactions", "a minute", "whole"),
    Row("user_leave_rate", "Leaving", "% left", "percent"),
)

PRESENTATION: dict[str, Any] = {
    "labels": LABELS,
    "words": WORDS,
    "severities": SEVERITIES,
    # Counts and rates only: a label with its unit, as on a chart.
    "signals": {row.name: f"{row.label}{row.unit}" for row in SIGNAL_CARDS if row.form == "whole"},
    "levels": CATEGORY_FLOORS,
    "attention": ATTENTION_LINE,
    "sparkline": SPARKLINE_POINTS,
    "ranges": {name: each.milliseconds for name, each in RANGES.items()},
    "linger": BANNER_LINGER_MS,
    "gap": GAP_STEPS,
    "tick": TICK_MS,
}


def label(kind: str, name: str | None) -> str:
    """The label of a name.

    Args:
        kind: a key of :data:`LABELS`.
        name: None and the empty string mean no name.
    """
    names = LABELS[kind]
    return names.get(name or "", names.get("", name or ""))


def live_sessions(count: int, with_alert: int) -> str:
    """The heading of the overview: how many sessions are live, and how many have an alert."""
    text = WORDS["live" if count == 1 else "live_many"].format(count=count)
    return text + (WORDS["with_alert"].format(count=with_alert) if with_alert else "")
