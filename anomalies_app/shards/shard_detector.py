"""The detector's place in a tick: its state beside the windows, its findings beside the results."""

import logging
import time
from functools import lru_cache

import msgspec
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from anomalies_app.detector.detector import Detector
from anomalies_app.detector.episodes import Kind, Level
from anomalies_app.detector.explanations import Reason
from anomalies_app.detector.judgement import Judgement
from anomalies_app.detector.state import (
    DetectorState,
    OldDetectorStateError,
    UnknownDetectorStateError,
)
from anomalies_app.records import Change, EpisodeChange
from anomalies_app.shards.calibration_files import load_calibration
from anomalies_app.shards.state_recovery import rebuild_state
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.points import SignalValues
from sessions_app.scoring.score import ScoreSettings, Signals
from sessions_app.state.session_windows import SessionWindows

logger = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def current_detector() -> Detector:
    """The detector with the calibration that the settings name; read once per process."""
    return Detector(load_calibration(settings.DETECTOR_CALIBRATION))


class ShardDetection:
    """Carries what the detector knows of one shard from tick to tick.

    Args:
        stored: what :meth:`to_bytes` wrote after the last tick, if anything.
        tick: the last tick of the shard's windows.

    Attributes:
        seconds: how long the last step took.
        unreadable: why ``stored`` cannot be read, and is rebuilt from the metrics; otherwise empty.
    """

    def __init__(self, stored: bytes | None, tick: int) -> None:
        self.detector = current_detector()
        self.state = DetectorState(tick)
        self.seconds = 0.0
        self.unreadable = ""
        if not stored:
            return
        try:
            state = DetectorState.from_bytes(stored)
        except OldDetectorStateError as error:
            logger.info("Rebuilt from the stored metrics: %s.", error)
            return
        except UnknownDetectorStateError as error:
            self.unreadable = str(error)
            return
        if state.tick == tick:
            self.state = state

    def to_bytes(self) -> bytes:
        """What is to be stored with the windows."""
        return self.state.to_bytes()

    def forget(self, session_ids: NDArray[np.int64]) -> None:
        """Drops what is known of these sessions; it is rebuilt from the metrics where needed."""
        known = self.state.session_ids
        self.state = self.state.aligned(known[~np.isin(known, session_ids)])

    def step(
        self,
        windows: SessionWindows,
        signals: Signals,
        scores: NDArray[np.float64],
        muted: NDArray[np.bool_],
        score_settings: ScoreSettings,
        detection_settings: DetectionSettings,
    ) -> list[EpisodeChange]:
        """Judges a tick of all sessions of the windows; says which episodes it has changed.

        Args:
            windows: at the tick, with the sessions that are about to be over.
            signals: of each row.
            scores: of each row.
            muted: rows for which nothing is raised, and whose episodes are over.
            score_settings, detection_settings: of each row.
        """
        began = time.perf_counter()
        self._align(windows)
        judgement = self.detector.step(
            self.state, windows.tick, signals, scores, muted, score_settings, detection_settings
        )
        changes = self._changes(windows, signals, scores, judgement)
        self.seconds = time.perf_counter() - began
        return changes

    def _align(self, windows: SessionWindows) -> None:
        """Brings the state into the windows' order, with what is stored about new sessions."""
        before = windows.tick - 1
        if self.state.tick != before:
            self.state = DetectorState(before)
        session_ids = windows.rows["session_id"].copy()
        missing = session_ids[~np.isin(session_ids, self.state.session_ids)]
        if len(missing):
            self.state = self.state.joined(rebuild_state(self.detector, missing, before))
        self.state = self.state.aligned(session_ids)

    def _changes(
        self,
        windows: SessionWindows,
        signals: Signals,
        scores: NDArray[np.float64],
        judgement: Judgement,
    ) -> list[EpisodeChange]:
        changes = judgement.changes
        worse = [(Change.BEGAN, row) for row in changes.began.tolist()]
        worse += [(Change.ESCALATED, row) for row in changes.escalated.tolist()]
        found = []
        for (change, row), reason in zip(worse, judgement.reasons, strict=True):
            kind = Kind(self.state["episode"][row])
            told = self._change(change, row, kind, windows, signals, scores, judgement)
            found.append(_with_reason(told, reason))
        kinds = changes.ended_kinds.tolist()
        for row, number in zip(changes.ended.tolist(), kinds, strict=True):
            kind = Kind(number)
            found.append(self._change(Change.ENDED, row, kind, windows, signals, scores, judgement))
        return found

    def _change(
        self,
        change: Change,
        row: int,
        kind: Kind,
        windows: SessionWindows,
        signals: Signals,
        scores: NDArray[np.float64],
        judgement: Judgement,
    ) -> EpisodeChange:
        return EpisodeChange(
            change=change,
            session_id=int(windows.rows["session_id"][row]),
            event_id=int(windows.rows["event_id"][row]),
            external_id=windows.external_ids[row],
            tick=windows.tick,
            raised_tick=int(self.state["raised_at"][row]),
            type=kind.name,
            severity=Level(self.state["severity"][row]).name,
            anomaly_score=float(judgement.score[row]),
            current_engagement=float(scores[row]),
            expected_engagement=float(judgement.expected[row]),
            reason="",
            signals=SignalValues(*(column[row].item() for column in map(np.asarray, signals))),
            moved=None,
        )


def _with_reason(change: EpisodeChange, reason: Reason) -> EpisodeChange:
    return msgspec.structs.replace(change, reason=reason.sentence, moved=reason.move)
