"""The detector over recorded signals, without any server."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.batches import settings_of
from anomalies_app.detector.calibration import Calibration
from anomalies_app.detector.detector import Detector
from anomalies_app.detector.episodes import Kind, Level
from anomalies_app.detector.judgement import Judgement
from anomalies_app.detector.state import DetectorState
from anomalies_app.evaluation.recorded_sessions import RecordedSessions, Step
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, score

Progress = Callable[[int], None]


class Alert(msgspec.Struct):
    """What was raised in a recorded session; one more where an episode changes its type.

    Attributes:
        tick: on which it was raised.
        worst_severity: until its end, or until the next alert of the episode.
        anomaly_score: in [0, 1], when it was raised.
        current_engagement, expected_engagement: scores in [0, 1], when it was raised.
        deviation: expected minus current.
        ended_tick: when the episode was over; None if it was not at the end of the recording.
    """

    session_id: str
    tick: int
    type: str
    severity: str
    anomaly_score: float
    current_engagement: float
    expected_engagement: float
    deviation: float
    reason: str
    ended_tick: int | None
    worst_severity: str


class Run:
    """One pass of a detector over recorded sessions.

    Args:
        recorded: the sessions.
        calibration: of the detector.
        score_settings, settings: of all sessions, or arrays with one element for each of
            ``recorded.session_ids``.
    """

    def __init__(
        self,
        recorded: RecordedSignals,
        calibration: Calibration,
        score_settings: ScoreSettings | None = None,
        settings: DetectionSettings | None = None,
    ) -> None:
        self.sessions = RecordedSessions(recorded)
        self.state = DetectorState(-1)
        self.engagement: NDArray[np.float64] = np.zeros(0)
        self._detector = Detector(calibration)
        self._score_settings = score_settings or ScoreSettings()
        self._settings = settings or DetectionSettings()

    def judgements(self) -> Iterator[tuple[Step, Judgement]]:
        """What the detector makes of each step; ``state`` and ``engagement`` are those after it."""
        for block in self.sessions.blocks():
            of_rows = settings_of(self._score_settings, self.sessions.sessions[block.stretches])
            scores = score(block.signals, of_rows)
            for step, rows in block.steps():
                self.engagement = scores[rows]
                yield step, self._judged(step)

    def _judged(self, step: Step) -> Judgement:
        self.state = self.state.aligned(step.stretches)
        sessions = self.sessions.sessions[step.stretches]
        return self._detector.step(
            self.state,
            step.number,
            step.signals,
            self.engagement,
            step.muted,
            settings_of(self._score_settings, sessions),
            settings_of(self._settings, sessions),
        )


def detect_recorded(
    recorded: RecordedSignals,
    calibration: Calibration,
    progress: Progress | None = None,
    settings: DetectionSettings | None = None,
    score_settings: ScoreSettings | None = None,
) -> list[Alert]:
    """Everything the detector would have raised, in the order of sessions and ticks.

    Args:
        recorded: the sessions.
        calibration: of the detector.
        progress: called with the number of session-ticks that each step has done.
        settings, score_settings: as of :class:`Run`; the defaults without them.
    """
    run = Run(recorded, calibration, score_settings, settings)
    collector = _Alerts(run)
    for step, judgement in run.judgements():
        collector.take(step, judgement)
        if progress is not None:
            progress(len(step.stretches))
    return collector.sorted()


class _Alerts:
    """Turns changes of episodes into alerts."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._all: list[Alert] = []
        self._open: dict[int, list[Alert]] = {}

    def take(self, step: Step, judgement: Judgement) -> None:
        """Takes the changes of a step."""
        changes = judgement.changes
        for place, row in enumerate(changes.began.tolist()):
            alert = self._alert(step, judgement, row, place)
            self._open[int(step.stretches[row])] = [alert]
            self._all.append(alert)
        for place, row in enumerate(changes.escalated.tolist(), start=len(changes.began)):
            self._escalate(step, judgement, row, place)
        for row in changes.ended.tolist():
            stretch = int(step.stretches[row])
            for alert in self._open.pop(stretch):
                alert.ended_tick = self._tick(step, stretch)

    def sorted(self) -> list[Alert]:
        """All alerts."""
        return sorted(self._all, key=lambda alert: (alert.session_id, alert.tick))

    def _escalate(self, step: Step, judgement: Judgement, row: int, place: int) -> None:
        alerts = self._open[int(step.stretches[row])]
        if Kind(self._run.state["episode"][row]).name == alerts[-1].type:
            alerts[-1].worst_severity = Level(self._run.state["severity"][row]).name
            return
        alert = self._alert(step, judgement, row, place)
        alerts.append(alert)
        self._all.append(alert)

    def _alert(self, step: Step, judgement: Judgement, row: int, place: int) -> Alert:
        stretch = int(step.stretches[row])
        state = self._run.state
        current, expected = float(self._run.engagement[row]), float(judgement.expected[row])
        severity = Level(state["severity"][row]).name
        return Alert(
            session_id=self._run.sessions.session_ids[stretch],
            tick=self._tick(step, stretch),
            type=Kind(state["episode"][row]).name,
            severity=severity,
            anomaly_score=round(float(judgement.score[row]), 4),
            current_engagement=round(current, 4),
            expected_engagement=round(expected, 4),
            deviation=round(expected - current, 4),
            reason=judgement.reasons[place].sentence,
            ended_tick=None,
            worst_severity=severity,
        )

    def _tick(self, step: Step, stretch: int) -> int:
        return int(self._run.sessions.first_ticks[stretch]) + step.number
