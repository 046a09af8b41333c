"""Compares what other settings would detect in past sessions with what their own settings do."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from anomalies_app.detector.calibration import Calibration
from anomalies_app.detector.episodes import Kind
from anomalies_app.evaluation.offline import Detection, detect_recorded
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from sessions_app.ticks import TICK_SECONDS, tick_end

HOUR_TICKS = 3600 // TICK_SECONDS
# With other thresholds, the same incident may be detected this much earlier or later.
SAME_TICKS = 12
Progress = Callable[[int], None]


class Variant(NamedTuple):
    """The calibration and settings that a batch of sessions is judged with.

    Attributes:
        calibration: of the detector.
        score_settings, settings: arrays with one element per session.
    """

    calibration: Calibration
    score_settings: ScoreSettings
    settings: DetectionSettings


@dataclass
class Comparison:
    """The detections with the present settings, and with changed ones.

    Attributes:
        sessions: how many were compared.
        session_ticks: how many ticks they have.
        present, changed: all detections.
    """

    sessions: int = 0
    session_ticks: int = 0
    present: list[Detection] = field(default_factory=list)
    changed: list[Detection] = field(default_factory=list)

    @property
    def session_hours(self) -> float:
        return self.session_ticks / HOUR_TICKS

    @property
    def only_present(self) -> list[Detection]:
        """Detections that would disappear."""
        return unmatched(self.present, self.changed)

    @property
    def only_changed(self) -> list[Detection]:
        """Detections that would be new."""
        return unmatched(self.changed, self.present)

    def take(
        self,
        recorded: RecordedSignals,
        present: Variant,
        changed: Variant | None,
        progress: Progress,
    ) -> None:
        """Adds sessions, judged once, or twice if there is a changed variant."""
        self.sessions += len(recorded.session_ids)
        self.session_ticks += recorded.row_count
        self.present += _detections(recorded, present, progress)
        if changed is not None:
            self.changed += _detections(recorded, changed, progress)


def _detections(recorded: RecordedSignals, variant: Variant, progress: Progress) -> list[Detection]:
    return detect_recorded(
        recorded, variant.calibration, progress, variant.settings, variant.score_settings
    )


def unmatched(detections: list[Detection], others: list[Detection]) -> list[Detection]:
    """Those without a counterpart of the same session and type at about the same time."""
    known = defaultdict(list)
    for other in others:
        known[other.session_id, other.type].append(other)
    return [
        detection
        for detection in detections
        if not any(
            _overlap(detection, other) for other in known[detection.session_id, detection.type]
        )
    ]


def _overlap(one: Detection, other: Detection) -> bool:
    return one.tick - SAME_TICKS <= _end(other) and other.tick - SAME_TICKS <= _end(one)


def _end(detection: Detection) -> float:
    return float("inf") if detection.ended_tick is None else detection.ended_tick


def format_comparison(comparison: Comparison, is_changed: bool) -> Iterator[str]:
    """The comparison as lines of text: counts by type, then the detections that differ."""
    hours = comparison.session_hours
    yield (
        f"{comparison.sessions:,} sessions, {comparison.session_ticks:,} session-ticks, "
        f"{hours:,.1f} session-hours"
    )
    yield ""
    columns = {"present": comparison.present}
    if is_changed:
        columns["changed"] = comparison.changed
    yield f"{'type':16}" + "".join(f"{name:>10} {'per hour':>10}" for name in columns)
    counts = {
        name: Counter(detection.type for detection in detections)
        for name, detections in columns.items()
    }
    for kind in (*(kind.name for kind in Kind), None):
        cells = (of.total() if kind is None else of[kind] for of in counts.values())
        yield f"{kind or 'all':16}" + "".join(
            f"{count:10,} {count / hours if hours else 0:10.3f}" for count in cells
        )
    if is_changed:
        yield from _listed("No longer detected", comparison.only_present)
        yield from _listed("Newly detected", comparison.only_changed)
    else:
        yield from _listed("Detected", comparison.present)


def _listed(title: str, detections: list[Detection]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(detections):,}"
    for detection in sorted(
        detections, key=lambda detection: (detection.tick, detection.session_id)
    ):
        yield (
            f"  {tick_end(detection.tick):%Y-%m-%d %H:%M:%S}  {detection.session_id}  "
            f"{detection.type}  {detection.severity}  {detection.reason}"
        )
