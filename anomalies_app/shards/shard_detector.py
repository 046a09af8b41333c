"""The detector of a shard: its state is stored beside the windows, its changes go to the outbox."""

import logging
import time
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from anomalies_app.detector.detector import Detector
from anomalies_app.detector.episodes import Kind, Level
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
    """The detector with the calibration that the settings name, loaded once per process."""
    return Detector(load_calibration(settings.DETECTOR_CALIBRATION))


class ShardDetection:
    """The detector's state of one shard, from tick to tick.

    Args:
        stored: what :meth:`to_bytes` returned after the last tick, if anything.
        tick: the last tick of the shard's windows.

    Attributes:
        seconds: the duration of the last step.
        unreadable: why ``stored`` cannot be read, so that it is rebuilt from the metrics; empty if
            it can be.
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
            logger.info("The detector is rebuilt from the stored metrics: %s.", error)
            return
        except UnknownDetectorStateError as error:
            self.unreadable = str(error)
            return
        if state.tick == tick:
            self.state = state

    def to_bytes(self) -> bytes:
        """The state, to be stored with the windows."""
        return self.state.to_bytes()

    def forget(self, session_ids: NDArray[np.int64]) -> None:
        """Drops the state of these sessions; it is rebuilt from the metrics when needed."""
        known = self.state.session_ids
        self.state = self.state.aligned(known[~np.isin(known, session_ids)])

    def step(
        self,
        windows: SessionWindows,
        signals: Signals,
        scores: NDArray[np.float64],
        muted: NDArray[np.bool_],
        score_settings: ScoreSettings,
        settings: DetectionSettings,
    ) -> list[EpisodeChange]:
        """Judges a tick of all sessions of the windows; returns the changes of episodes.

        Args:
            windows: at the tick, including the sessions that end with it.
            signals, scores: of each row.
            muted: rows for which nothing is raised, and whose episodes end.
            score_settings, settings: of each row.
        """
        started = time.perf_counter()
        self._align(windows)
        judgement = self.detector.step(
            self.state,
            windows.tick,
            signals=signals,
            scores=scores,
            muted=muted,
            score_settings=score_settings,
            settings=settings,
        )
        changes = self._changes(_JudgedTick(windows, signals, scores, judgement))
        self.seconds = time.perf_counter() - started
        return changes

    def _align(self, windows: SessionWindows) -> None:
        """Brings the state into the order of the windows; that of new sessions is rebuilt."""
        before = windows.tick - 1
        if self.state.tick != before:
            self.state = DetectorState(before)
        session_ids = windows.rows["session_id"].copy()
        missing = session_ids[~np.isin(session_ids, self.state.session_ids)]
        if len(missing):
            self.state = self.state.joined(rebuild_state(self.detector, missing, before))
        self.state = self.state.aligned(session_ids)

    def _changes(self, tick: "_JudgedTick") -> list[EpisodeChange]:
        changes = tick.judgement.changes
        worse = [(Change.BEGAN, row) for row in changes.began.tolist()]
        worse += [(Change.ESCALATED, row) for row in changes.escalated.tolist()]
        found = []
        for (change, row), why in zip(worse, tick.judgement.explanations, strict=True):
            kind = Kind(self.state["episode"][row])
            reported = self._change(tick, row, change, kind)
            found.append(msgspec.structs.replace(reported, reason=why.sentence, moved=why.move))
        for row, kind in zip(changes.ended.tolist(), changes.ended_kinds.tolist(), strict=True):
            found.append(self._change(tick, row, Change.ENDED, Kind(kind)))
        return found

    def _change(self, tick: "_JudgedTick", row: int, change: Change, kind: Kind) -> EpisodeChange:
        windows, judgement = tick.windows, tick.judgement
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
            current_engagement=float(tick.scores[row]),
            expected_engagement=float(judgement.expected[row]),
            reason="",
            signals=SignalValues(*(np.asarray(column)[row].item() for column in tick.signals)),
            moved=None,
        )


class _JudgedTick(NamedTuple):
    """A tick with its judgement; arrays by rows of the windows."""

    windows: SessionWindows
    signals: Signals
    scores: NDArray[np.float64]
    judgement: Judgement
