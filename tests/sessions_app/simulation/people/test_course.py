"""A session's phases second by second, and how many would be there."""

from dataclasses import replace

import numpy as np
import pytest

from sessions_app.simulation.live.cast import PANEL
from sessions_app.simulation.people.characters import Phase
from sessions_app.simulation.people.course import Course, course_of, expected_presence

CALM = Phase("steady", 10.0, activity=0.5, leaving=0.0, arriving=0.0)
LIVELY = Phase("debate", 5.0, activity=2.0, leaving=0.1, arriving=0.2, chat=3.0)


def constant(seconds: int, leaving: float = 0.0, arriving: float = 0.0) -> Course:
    ones = np.ones(seconds)
    return Course(ones, ones, leaving * ones, arriving * ones, ())


def test_each_second_has_the_rates_of_its_phase() -> None:
    course = course_of(replace(PANEL, phases=(CALM, LIVELY), repeats=False), 15)
    assert course.seconds == 15
    assert course.activity.tolist() == [0.5] * 10 + [2.0] * 5
    assert course.chat.tolist() == [0.5] * 10 + [6.0] * 5
    assert course.leaving.tolist() == [0.0] * 10 + [0.1] * 5
    assert course.arriving.tolist() == [0.0] * 10 + [0.2] * 5
    assert [(moment.second, moment.phase) for moment in course.moments] == [(10, LIVELY)]


def test_what_comes_after_the_last_second_is_left_out() -> None:
    course = course_of(replace(PANEL, phases=(CALM, LIVELY), repeats=True), 12)
    assert course.seconds == 12
    assert len(course.moments) == 1


def test_nine_in_ten_come_at_the_start_and_stay() -> None:
    expected = expected_presence(constant(120), 60.0)
    assert expected.present[-1] == pytest.approx(0.9, abs=0.01)
    assert np.all(np.diff(expected.present) >= 0)
    assert expected.present[29] > 0.45  # most come early
    assert expected.seen.tolist() == pytest.approx(expected.present.tolist())


def test_those_who_leave_have_been_seen_and_may_return() -> None:
    left = expected_presence(constant(600, leaving=0.3), 30.0)
    assert left.present[-1] < 0.1
    assert left.seen[-1] == pytest.approx(0.9, abs=0.01)
    back = expected_presence(constant(600, leaving=0.3, arriving=0.3), 30.0)
    assert back.present[-1] == pytest.approx(0.5, abs=0.05)
    assert back.seen[-1] > 0.99
