"""The still picture of a session's timeline."""

import pytest

from dashboard.pages.timeline_svg import timeline_picture

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_the_still_picture_leaves_holes_open_and_marks_what_happened() -> None:
    picture = timeline_picture(
        {
            "points": [
                {"time": time, "score": score}
                for time, score in [(0, 0.5), (5, 1.0), (20, 0.0), (25, 0.25)]
            ],
            "start": 0,
            "end": 25,
            "step": 5,
            "anomalies": [
                {"began": 5, "ended": 10, "severity": "WARNING"},
                {"began": 20, "ended": None, "severity": "CRITICAL"},
            ],
            "polls": [{"time": 10}],
            "lines": {"attention": 0.3, "alert": None},
        }
    )
    assert picture.curve == "M0.0 120.0L200.0 0.0M800.0 240.0L1000.0 180.0"
    assert picture.area.count("Z") == 2
    assert picture.bands == [(200, 200, "WARNING"), (800, 200, "CRITICAL")]
    assert picture.polls == [400]
    assert (picture.attention, picture.low) == (168, None)


def test_there_is_no_still_picture_without_points() -> None:
    assert timeline_picture({"points": []}) is None
