"""Many sessions are judged in batches, which make no difference."""

import numpy as np
import pytest

from anomalies_app.detector import batches
from anomalies_app.detector.detector import Detector
from anomalies_app.detector.state import (
    DetectorState,
)
from anomalies_app.evaluation.recorded_sessions import RecordedSessions
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, score
from tests.anomalies_app.detector.test_detector import BUILT_IN, EXIT, GONE, QUIET, raised
from tests.anomalies_app.rooms import Stretch, room, together


def test_batches_cover_all_sessions_and_there_is_always_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    covered = [slice(0, 2), slice(2, 4)]
    assert [batches.batches(count) for count in range(5)] == [
        covered[:1], covered[:1], covered[:1], covered, covered,
    ]  # fmt: skip
    monkeypatch.setattr(batches, "BATCH_SIZE", 1)
    assert batches.batches(0) == batches.batches(1) == [slice(0, 1)]


def test_settings_of_some_sessions_are_their_elements_of_arrays() -> None:
    scalars = DetectionSettings(sensitivity=2.0)
    assert batches.settings_of(scalars, slice(1, 3)) is scalars
    mixed = ScoreSettings(chat_weight=np.array([0.1, 0.2, 0.3]), leave_weight=0.5)
    for sessions in (slice(1, 3), np.array([1, 2])):
        some = batches.settings_of(mixed, sessions)
        assert isinstance(some, ScoreSettings)
        assert some.chat_weight.tolist() == [0.2, 0.3]
        assert (some.leave_weight, some.poll_weight) == (0.5, ScoreSettings.poll_weight)


def _run(recorded: RecordedSignals, store: bool) -> list[tuple]:
    detector, state, found = Detector(BUILT_IN), DetectorState(-1), []
    for step in RecordedSessions(recorded).steps():
        if store:
            state = DetectorState.from_bytes(state.to_bytes())
        state = state.aligned(step.stretches)
        judgement = detector.step(
            state,
            step.number,
            step.signals,
            score(step.signals, ScoreSettings()),
            step.muted,
            ScoreSettings(),
            DetectionSettings(),
        )
        assert not any(np.isnan(values).any() for values in judgement.features.forest_inputs())
        found.append((judgement.score.tolist(), judgement.changes.began.tolist()))
    return found


def test_portions_of_a_tick_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [room(QUIET, EXIT, GONE, name=f"r{seed}", seed=seed) for seed in range(3)]
    falling = [room(QUIET, Stretch(60, 30, 0, over=20), name=f"f{seed}") for seed in range(2)]
    recorded = together(*rooms, *falling)
    whole, at_once = raised(recorded), _run(recorded, store=True)
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    assert raised(recorded) == whole
    assert {detection.type for detection in whole} > {"MASS_EXIT", "LOW_ENGAGEMENT"}
    assert _run(recorded, store=True) == at_once
