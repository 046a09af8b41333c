"""What other settings would have raised in past sessions, beside what their own ones do."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from anomalies_app.detector.calibration import Calibration
from anomalies_app.detector.episodes import Kind
from anomalies_app.evaluation.offline import Alert, detect_recorded
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from sessions_app.ticks import TICK_SECONDS, tick_end

HOUR_TICKS = 3600 // TICK_SECONDS
# The same trouble may be noticed so much sooner or later with other thresholds.
SAME_TICKS = 12
Progress = Callable[[int], None]


class Variant(NamedTuple):
    """How a portion of sessions is judged.

    Attributes:
        calibration: of the detector.
        score_settings, settings: arrays of one element per session.
    """

    calibration: Calibration
    score_settings: ScoreSettings
    settings: DetectionSettings


@dataclass
class Comparison:
    """What was raised as it is, and changed.

    Attributes:
        sessions: how many were looked at.
        session_ticks: how many ticks of them.
        own, changed: all alerts.
    """

    sessions: int = 0
    session_ticks: int = 0
    own: list[Alert] = field(default_factory=list)
    changed: list[Alert] = field(default_factory=list)

    @property
    def session_hours(self) -> float:
        return self.session_ticks / HOUR_TICKS

    @property
    def only_own(self) -> list[Alert]:
        """Alerts that would not be raised any more."""
        return unmatched(self.own, self.changed)

    @property
    def only_changed(self) -> list[Alert]:
        """Alerts that would be new."""
        return unmatched(self.changed, self.own)

    def take(
        self, recorded: RecordedSignals, own: Variant, changed: Variant | None, progress: Progress
    ) -> None:
        """Judges some more sessions, twice if there is a change."""
        self.sessions += len(recorded.session_ids)
        self.session_ticks += recorded.row_count
        self.own += _alerts(recorded, own, progress)
        if changed is not None:
            self.changed += _alerts(recorded, changed, progress)


def _alerts(recorded: RecordedSignals, variant: Variant, progress: Progress) -> list[Alert]:
    return detect_recorded(
        recorded, variant.calibration, progress, variant.settings, variant.score_settings
    )


def unmatched(alerts: list[Alert], others: list[Alert]) -> list[Alert]:
    """Those to which none of the others, of the same session and type, is near in time."""
    known = defaultdict(list)
    for other in others:
        known[other.session_id, other.type].append(other)
    return [
        alert
        for alert in alerts
        if not any(_overlap(alert, other) for other in known[alert.session_id, alert.type])
    ]


def _overlap(one: Alert, other: Alert) -> bool:
    return one.tick - SAME_TICKS <= _end(other) and other.tick - SAME_TICKS <= _end(one)


def _end(alert: Alert) -> float:
    return float("inf") if alert.ended_tick is None else alert.ended_tick


def format_comparison(comparison: Comparison, is_changed: bool) -> Iterator[str]:
    """The comparison as lines of text: counts by type, then the alerts that make the difference."""
    hours = comparison.session_hours
    yield (
        f"{comparison.sessions:,} sessions, {comparison.session_ticks:,} session-ticks, "
        f"{hours:,.1f} session-hours"
    )
    yield ""
    columns = {"as it is": comparison.own}
    if is_changed:
        columns["changed"] = comparison.changed
    yield f"{'type':16}" + "".join(f"{name:>10} {'per hour':>10}" for name in columns)
    counts = {name: Counter(alert.type for alert in alerts) for name, alerts in columns.items()}
    for kind in (*(kind.name for kind in Kind), None):
        cells = (of.total() if kind is None else of[kind] for of in counts.values())
        yield f"{kind or 'all':16}" + "".join(
            f"{count:10,} {count / hours if hours else 0:10.3f}" for count in cells
        )
    if is_changed:
        yield from _listed("No longer raised", comparison.only_own)
        yield from _listed("Newly raised", comparison.only_changed)
    else:
        yield from _listed("Raised", comparison.own)


def _listed(title: str, alerts: list[Alert]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(alerts):,}"
    for alert in sorted(alerts, key=lambda alert: (alert.tick, alert.session_id)):
        yield (
            f"  {tick_end(alert.tick):%Y-%m-%d %H:%M:%S}  {alert.session_id}  {alert.type}  "
            f"{alert.severity}  {alert.reason}"
        )
