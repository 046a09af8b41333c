"""What the detector makes of a tick."""

from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.calibration import SizeClasses
from anomalies_app.detector.episodes import Changes
from anomalies_app.detector.explanations import Explanation
from anomalies_app.detector.features import Features

Floats = NDArray[np.float32]


class Judgement(NamedTuple):
    """How unusual a tick is, one element per session.

    Attributes:
        features: what the judgement is based on.
        points: the forest's inputs, scaled into [0, 1], of shape (sessions, features).
        sizes: audience size classes.
        forest: the forest's score in [0, 1].
        deviation: the z-score, in standard deviations, >= 0.
        combined: 0.7 x the surprise of the forest plus 0.3 x that of the z-score.
        score: the anomaly score in [0, 1] of the combination.
        expected: the engagement score that was to be expected, in [0, 1].
        changes: of episodes.
        explanations: of the episodes that began, then of those that escalated.
    """

    features: Features
    points: Floats
    sizes: SizeClasses
    forest: Floats
    deviation: Floats
    combined: Floats
    score: Floats
    expected: Floats
    changes: Changes
    explanations: list[Explanation]


def join_judgements(parts: list[Judgement]) -> Judgement:
    """One judgement of all sessions, from those of several batches in their order."""
    if len(parts) == 1:
        return parts[0]
    starts = [0, *accumulate(len(part.score) for part in parts)]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("points", "forest", "deviation", "combined", "score", "expected")
    }
    features = [part.features for part in parts]
    began, escalated = [], []
    for part in parts:
        began += part.explanations[: len(part.changes.began)]
        escalated += part.explanations[len(part.changes.began) :]
    return Judgement(
        features=Features(*map(np.concatenate, zip(*features, strict=True))),
        sizes=SizeClasses(np.concatenate([part.sizes.classes for part in parts])),
        changes=_joined_changes([part.changes for part in parts], starts),
        explanations=began + escalated,
        **columns,
    )


def _joined_changes(parts: list[Changes], starts: list[int]) -> Changes:
    positions = {
        name: np.concatenate(
            [getattr(part, name) + start for part, start in zip(parts, starts, strict=False)]
        )
        for name in ("began", "escalated", "ended")
    }
    return Changes(**positions, ended_kinds=np.concatenate([part.ended_kinds for part in parts]))
