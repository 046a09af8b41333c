"""Rebuilds the detector's state of sessions that it does not know, from the database.

This covers new sessions, a new version of the state, and a Redis server that has lost its data: the
metrics of the last minutes are judged again, and episodes that are open in the database go on.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.detector import Detector
from anomalies_app.detector.episodes import Kind, Level
from anomalies_app.detector.features import RAMP_UP_TICKS
from anomalies_app.detector.state import NO_EPISODE, DetectorState
from anomalies_app.models import Anomaly
from sessions_app.models import EngagementMetric
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, Signals
from sessions_app.ticks import tick_end, tick_ending

# Long enough for levels to settle, and for some noise to be learned.
REBUILT_TICKS = RAMP_UP_TICKS + 24
OPEN_FOR = timedelta(days=1)

_ROW = np.dtype([("session_id", "<i8"), ("tick", "<i8"), ("score", "<f8"), ("signals", "<f8", 6)])


class _Tick(NamedTuple):
    session_ids: NDArray[np.int64]
    signals: Signals
    scores: NDArray[np.float64]
    muted: NDArray[np.bool_]


def rebuild_state(detector: Detector, session_ids: NDArray[np.int64], tick: int) -> DetectorState:
    """The state of these sessions at the end of ``tick``; fresh if nothing is stored."""
    state = DetectorState(tick - REBUILT_TICKS)
    rows = _stored_rows(session_ids, tick)
    for number, known in _ticks(rows, tick):
        state = state.aligned(known.session_ids)
        detector.step(
            state,
            number,
            signals=known.signals,
            scores=known.scores,
            muted=known.muted,
            score_settings=ScoreSettings(),
            settings=DetectionSettings(),
        )
    state.tick = tick
    state = state.aligned(session_ids)
    _take_over_episodes(state)
    return state


def _stored_rows(session_ids: NDArray[np.int64], tick: int) -> NDArray[np.void]:
    metrics = EngagementMetric.objects.filter(
        session_id__in=session_ids.tolist(),
        time__gt=tick_end(tick - REBUILT_TICKS),
        time__lte=tick_end(tick),
    ).order_by("time", "session_id")
    names = ("session_id", "time", "score", *Signals._fields)
    found = [
        (session_id, tick_ending(time), score, signals)
        for session_id, time, score, *signals in metrics.values_list(*names).iterator()
    ]
    return np.array([(*row[:3], tuple(row[3])) for row in found], _ROW)


def _ticks(rows: NDArray[np.void], tick: int) -> Iterator[tuple[int, _Tick]]:
    """All ticks since the first row; in a missing tick a session keeps its values and is muted."""
    if not len(rows):
        return
    known = rows[:0]
    for number in range(int(rows["tick"][0]), tick + 1):
        now = rows[rows["tick"] == number]
        kept = known[~np.isin(known["session_id"], now["session_id"])]
        known = np.concatenate([now, kept])
        known = known[np.argsort(known["session_id"])]
        signals = Signals(*known["signals"].T)
        muted = known["tick"] != number
        yield number, _Tick(known["session_id"].copy(), signals, known["score"].copy(), muted)


def _take_over_episodes(state: DetectorState) -> None:
    """Takes episodes from the database: no others have been published."""
    state["episode"][:] = NO_EPISODE
    since = tick_end(state.tick) - OPEN_FOR
    stored = Anomaly.objects.open().filter(
        session_id__in=state.session_ids.tolist(), time__gt=since
    )
    rows = {session_id: row for row, session_id in enumerate(state.session_ids.tolist())}
    for anomaly in stored.order_by("time"):
        row = rows[anomaly.session_id]
        state["episode"][row] = Kind[anomaly.type]
        state["severity"][row] = Level[anomaly.severity]
        state["raised_at"][row] = tick_ending(anomaly.time)
        state["calm_run"][row] = 0
