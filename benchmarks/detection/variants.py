"""Detectors to compare: ours, and variants with other constants, features or shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from anomalies_app.detector import detector, episodes, features
from anomalies_app.detector.calibration import BUILT_IN, Calibration
from anomalies_app.detector.features import Features
from anomalies_app.evaluation.calibration_fitting import fit_calibration
from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.evaluation.report import Report, evaluate
from benchmarks.detection.literal_formula import detect_literally
from benchmarks.detection.scores_alone import detect_by_scores
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.simulation.labelled.labels import SessionLabels


class Labelled(NamedTuple):
    signals: RecordedSignals
    labels: list[SessionLabels]


class Variant(NamedTuple):
    """A detector that differs from ours.

    Attributes:
        constants: module attributes to replace, as (module, name, value).
        dropped: index of a feature to set to 0, if any.
        forest_share: weight of the forest in the combined score.
        fits: name of the sessions to calibrate on; None for the built-in calibration.
        settings: settings of all events.
    """

    constants: tuple[tuple[str, str, float], ...] = ()
    dropped: int | None = None
    forest_share: float = detector.FOREST_SHARE
    fits: str | None = None
    settings: DetectionSettings = DetectionSettings()


MODULES = {"features": features, "episodes": episodes}
# Filled before the processes fork.
sets: dict[str, Labelled] = {}
past: dict[str, RecordedSignals] = {}


@contextmanager
def _changed(variant: Variant) -> Iterator[None]:
    """The detector with the constants and features of a variant."""
    forest_inputs = Features.forest_inputs

    def without(self: Features) -> list[np.ndarray]:
        columns = forest_inputs(self)
        if variant.dropped is not None:
            columns[variant.dropped] = np.zeros_like(columns[variant.dropped])
        return columns

    with (
        patch.multiple(detector, FOREST_SHARE=variant.forest_share),
        patch.multiple(detector, DEVIATION_SHARE=1 - variant.forest_share),
        patch.object(Features, "forest_inputs", without),
    ):
        before = [(module, name, getattr(MODULES[module], name)) for module, name, _ in variant[0]]
        try:
            for module, name, value in variant.constants:
                setattr(MODULES[module], name, value)
            yield
        finally:
            for module, name, value in before:
                setattr(MODULES[module], name, value)


def reports(variant: Variant) -> dict[str, Report]:
    """Evaluates a variant on each set; all sets in one run, since sessions are independent."""
    with _changed(variant):
        calibration = _calibration(variant)
        detections = detect_recorded(_joined(), calibration, settings=variant.settings)
    return {name: _of_set(name, detections) for name in sets}


def _calibration(variant: Variant) -> Calibration:
    if variant.fits is None:
        return Calibration.read(BUILT_IN)
    return fit_calibration(lambda: [past[variant.fits or ""]], variant.fits, variant.fits)


def _joined() -> RecordedSignals:
    """All sets as one table; session IDs are prefixed with the name of their set."""
    columns: dict[str, list[Any]] = {name: [] for name in RecordedSignals._fields}
    for name, labelled in sets.items():
        offset = len(columns["session_ids"])
        columns["session_ids"] += [f"{name}/{key}" for key in labelled.signals.session_ids]
        columns["session"].append(labelled.signals.session + offset)
        for column in set(columns) - {"session", "session_ids"}:
            columns[column].append(getattr(labelled.signals, column))
    names = columns.pop("session_ids")
    joined = {column: np.concatenate(parts) for column, parts in columns.items()}
    return RecordedSignals(session_ids=names, **joined)


def _of_set(name: str, detections: list[Detection]) -> Report:
    mine = [
        _renamed(detection, name)
        for detection in detections
        if detection.session_id.startswith(f"{name}/")
    ]
    return evaluate(sets[name].labels, mine)


def _renamed(detection: Detection, name: str) -> Detection:
    values = {field: getattr(detection, field) for field in detection.__struct_fields__}
    return Detection(**{**values, "session_id": detection.session_id.removeprefix(f"{name}/")})


def literal_reports(_: int) -> dict[str, Report]:
    detections = detect_literally(_joined())
    return {name: _of_set(name, detections) for name in sets}


def score_reports(forest_share: float) -> dict[str, Report]:
    """Evaluates the calibrated scores without rules."""
    detections = detect_by_scores(_joined(), Calibration.read(BUILT_IN), forest_share)
    return {name: _of_set(name, detections) for name in sets}
