"""Judgements of batches become one."""

import numpy as np

from anomalies_app.detector.calibration import SizeClasses
from anomalies_app.detector.episodes import Changes
from anomalies_app.detector.features import Features
from anomalies_app.detector.judgement import Judgement, join_judgements


def judgement(first: int, began: list[int], escalated: list[int], ended: list[int]) -> Judgement:
    """Of three sessions, whose numbers are ``first`` and the two after it."""
    numbers = np.arange(first, first + 3, dtype=np.float32)
    return Judgement(
        features=Features(*(numbers + 100 * place for place in range(len(Features._fields)))),
        points=np.stack([numbers, numbers], axis=1),
        sizes=SizeClasses(np.arange(3)),
        forest=numbers,
        deviation=numbers + 1,
        combined=numbers + 2,
        score=numbers + 3,
        expected=numbers + 4,
        changes=Changes(
            *(np.array(rows, np.int64) for rows in (began, escalated, ended)),
            np.full(len(ended), first, np.uint8),
        ),
        explanations=[f"{first} began {row}" for row in began]
        + [f"{first} escalated {row}" for row in escalated],
    )


def test_one_is_itself() -> None:
    alone = judgement(0, [1], [], [])
    assert join_judgements([alone]) is alone


def test_positions_and_explanations_are_those_of_all() -> None:
    joined = join_judgements([judgement(0, [1], [0], [2]), judgement(3, [0, 2], [1], [])])
    changes = joined.changes
    assert (changes.began.tolist(), changes.escalated.tolist()) == ([1, 3, 5], [0, 4])
    assert (changes.ended.tolist(), changes.ended_kinds.tolist()) == ([2], [0])
    assert joined.explanations == [
        "0 began 1", "3 began 0", "3 began 2", "0 escalated 0", "3 escalated 1",
    ]  # fmt: skip
    for name, first in (("forest", 0), ("deviation", 1), ("combined", 2), ("score", 3)):
        assert getattr(joined, name).tolist() == list(range(first, first + 6))
    assert joined.expected.tolist() == list(range(4, 10))
    assert joined.points.shape == (6, 2)
    assert joined.sizes.classes.tolist() == [0, 1, 2, 0, 1, 2]
    assert joined.features.presence.tolist() == list(range(6))
    assert joined.features.vitality.tolist() == list(range(100, 106))
