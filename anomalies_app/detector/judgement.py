"""What the detector makes of a tick."""

from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.calibration import SizeClasses
from anomalies_app.detector.episodes import Changes
from anomalies_app.detector.explanations import Reason
from anomalies_app.detector.features import Evidence

Floats = NDArray[np.float32]


class Judgement(NamedTuple):
    """How unusual a tick is, one element per session.

    Attributes:
        evidence: what it is drawn from.
        points: what the forest sees of it, in [0, 1], of shape (sessions, features).
        sizes: audience size classes.
        forest: the forest's score in [0, 1].
        deviation: the z-score, in standard deviations, >= 0.
        combined: 0.7 x and 0.3 x their surprises.
        score: the anomaly score in [0, 1] of the combination.
        expected: engagement score that could be expected, in [0, 1].
        changes: of episodes.
        reasons: of those that began, then of those that escalated.
    """

    evidence: Evidence
    points: Floats
    sizes: SizeClasses
    forest: Floats
    deviation: Floats
    combined: Floats
    score: Floats
    expected: Floats
    changes: Changes
    reasons: list[Reason]


def join_judgements(parts: list[Judgement]) -> Judgement:
    """One judgement of the sessions of several, one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = [0, *accumulate(len(part.score) for part in parts)]
    numbers = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("points", "forest", "deviation", "combined", "score", "expected")
    }
    evidence = [part.evidence for part in parts]
    began = [reason for part in parts for reason in part.reasons[: len(part.changes.began)]]
    escalated = [reason for part in parts for reason in part.reasons[len(part.changes.began) :]]
    return Judgement(
        evidence=Evidence(*map(np.concatenate, zip(*evidence, strict=True))),
        sizes=SizeClasses(np.concatenate([part.sizes.classes for part in parts])),
        changes=_joined_changes([part.changes for part in parts], starts),
        reasons=began + escalated,
        **numbers,
    )


def _joined_changes(parts: list[Changes], starts: list[int]) -> Changes:
    places = {
        name: np.concatenate(
            [getattr(part, name) + start for part, start in zip(parts, starts, strict=False)]
        )
        for name in ("began", "escalated", "ended")
    }
    return Changes(**places, ended_kinds=np.concatenate([part.ended_kinds for part in parts]))
