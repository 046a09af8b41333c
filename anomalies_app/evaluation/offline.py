"""Runs the detector over recorded signals, without any server."""

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


class Detection(msgspec.Struct):
    """An episode that began in a recorded session, or changed its type.

    Attributes:
        tick: at which it began or changed its type.
        worst_severity: until its end, or until the next detection of the episode.
        anomaly_score: in [0, 1], at that tick.
        current_engagement, expected_engagement: scores in [0, 1], at that tick.
        deviation: expected minus current.
        ended_tick: at which the episode ended; None if it was still open at the end.
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
        score_settings, settings: for all sessions, or arrays with one element for each of
            ``recorded.session_ids``.

    Attributes:
        state: after the last step.
        engagement: scores of the last step.
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
        """Yields each step with its judgement, right after it was made."""
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
            signals=step.signals,
            scores=self.engagement,
            muted=step.muted,
            score_settings=settings_of(self._score_settings, sessions),
            settings=settings_of(self._settings, sessions),
        )


def detect_recorded(
    recorded: RecordedSignals,
    calibration: Calibration,
    progress: Progress | None = None,
    settings: DetectionSettings | None = None,
    score_settings: ScoreSettings | None = None,
) -> list[Detection]:
    """All detections, in the order of sessions and ticks.

    Args:
        recorded: the sessions.
        calibration: of the detector.
        progress: called after each step with its number of session-ticks.
        settings, score_settings: see :class:`Run`; default: the defaults of an event.
    """
    run = Run(recorded, calibration, score_settings, settings)
    collector = _Detections(run)
    for step, judgement in run.judgements():
        collector.take(step, judgement)
        if progress is not None:
            progress(len(step.stretches))
    return collector.sorted()


class _Detections:
    """Turns changes of episodes into detections."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._all: list[Detection] = []
        self._open: dict[int, list[Detection]] = {}

    def take(self, step: Step, judgement: Judgement) -> None:
        """Takes the changes of a step."""
        changes = judgement.changes
        for index, row in enumerate(changes.began.tolist()):
            detection = self._detection(step, judgement, row, index)
            self._open[int(step.stretches[row])] = [detection]
            self._all.append(detection)
        for index, row in enumerate(changes.escalated.tolist(), start=len(changes.began)):
            self._escalate(step, judgement, row, index)
        for row in changes.ended.tolist():
            stretch = int(step.stretches[row])
            for detection in self._open.pop(stretch):
                detection.ended_tick = self._tick(step, stretch)

    def sorted(self) -> list[Detection]:
        """All detections."""
        return sorted(self._all, key=lambda detection: (detection.session_id, detection.tick))

    def _escalate(self, step: Step, judgement: Judgement, row: int, index: int) -> None:
        detections = self._open[int(step.stretches[row])]
        if Kind(self._run.state["episode"][row]).name == detections[-1].type:
            detections[-1].worst_severity = Level(self._run.state["severity"][row]).name
            return
        detection = self._detection(step, judgement, row, index)
        detections.append(detection)
        self._all.append(detection)

    def _detection(self, step: Step, judgement: Judgement, row: int, index: int) -> Detection:
        stretch = int(step.stretches[row])
        state = self._run.state
        current, expected = float(self._run.engagement[row]), float(judgement.expected[row])
        severity = Level(state["severity"][row]).name
        return Detection(
            session_id=self._run.sessions.session_ids[stretch],
            tick=self._tick(step, stretch),
            type=Kind(state["episode"][row]).name,
            severity=severity,
            anomaly_score=round(float(judgement.score[row]), 4),
            current_engagement=round(current, 4),
            expected_engagement=round(expected, 4),
            deviation=round(expected - current, 4),
            reason=judgement.explanations[index].sentence,
            ended_tick=None,
            worst_severity=severity,
        )

    def _tick(self, step: Step, stretch: int) -> int:
        return int(self._run.sessions.first_ticks[stretch]) + step.number
