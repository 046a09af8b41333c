"""Detections with the present settings, beside those of other settings."""

from dataclasses import replace

import pytest

from anomalies_app.evaluation.backtesting import Comparison, format_comparison, unmatched
from anomalies_app.evaluation.offline import Detection

FIRST = 400_000


def detection(
    tick: int, ended: int | None = None, session: str = "a", kind: str = "MASS_EXIT"
) -> Detection:
    end = None if ended is None else FIRST + ended
    return Detection(
        session, FIRST + tick, kind, "WARNING", 0.7, 0.3, 0.6, 0.3, "They left.", end, "WARNING"
    )


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (detection(100, 110), True),
        (detection(122, 130), True),
        (detection(123, 130), False),
        (detection(80, 88), True),
        (detection(80, 87), False),
        (detection(80), True),
        (detection(100, 110, session="b"), False),
        (detection(100, 110, kind="SUDDEN_DROP"), False),
    ],
)
def test_the_same_trouble_may_be_noticed_a_minute_sooner_or_later(
    other: Detection, is_same: bool
) -> None:
    one = detection(100, 110)
    assert unmatched([one], [other]) == ([] if is_same else [one])
    assert unmatched([other], [one]) == ([] if is_same else [other])


def test_one_that_goes_on_meets_all_later_ones() -> None:
    assert unmatched([detection(5_000, 5_001)], [detection(100)]) == []
    assert unmatched([detection(1, 2)], []) == [detection(1, 2)]


def test_a_comparison_in_words() -> None:
    changed = [detection(1, 2), detection(900, 910)]
    comparison = Comparison(2, 1_440, [detection(1, 2), detection(500)], changed)
    assert comparison.session_hours == 2
    assert comparison.only_present == []  # it goes on, and so meets what is new
    comparison = replace(comparison, present=[detection(1, 2), detection(500, 510)])
    text = "\n".join(format_comparison(comparison, is_changed=True))
    assert text.startswith("2 sessions, 1,440 session-ticks, 2.0 session-hours")
    (row,) = [line for line in text.splitlines() if line.startswith("MASS_EXIT")]
    assert row.split() == ["MASS_EXIT", "2", "1.000", "2", "1.000"]
    lost, new = text.split("No longer detected: 1")[1].split("Newly detected: 1")
    assert "They left." in lost
    assert "They left." in new


def test_without_a_change_it_lists_what_is_raised() -> None:
    comparison = Comparison(1, 0, [detection(3), detection(1)], [])
    text = "\n".join(format_comparison(comparison, is_changed=False))
    assert "Detected: 2" in text
    assert "Newly" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("all")]
    assert row.split() == ["all", "2", "0.000"]
