"""When what is due is due."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from engagement_conductor.celery import AlignedSchedule, app


class At(AlignedSchedule):
    """A schedule that is asked at a given time."""

    time = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def asked(seconds: float, last: float, every: float = 5, offset: float = 0) -> tuple[bool, float]:
    """Whether it is due so many seconds after ten, and in how many seconds it is again."""
    schedule = At(timedelta(seconds=every), timedelta(seconds=offset), app=app)
    ten = At.time
    schedule.time = ten + timedelta(seconds=seconds)
    due = schedule.is_due(ten + timedelta(seconds=last))
    return due.is_due, due.next


@pytest.mark.parametrize(
    ("seconds", "last", "is_due", "following"),
    [
        (4.9, 0, False, 0.1),
        (5.0, 0, True, 5.0),
        (5.0, 4.99, True, 5.0),
        (7.5, 5.2, False, 2.5),
        (18.0, 5.0, True, 2.0),
    ],
)
def test_it_is_due_at_each_multiple_however_late_the_last_one_was(
    seconds: float, last: float, is_due: bool, following: float
) -> None:
    due = asked(seconds, last)
    assert due[0] is is_due
    assert due[1] == pytest.approx(following)


def test_an_offset_moves_all_of_them() -> None:
    assert asked(5.0, 0.02, offset=0.02)[0] is False
    assert asked(5.02, 0.02, offset=0.02)[0] is True


def test_it_survives_pickling_as_beat_does_it() -> None:
    schedule = AlignedSchedule(timedelta(seconds=5), timedelta(milliseconds=20))
    again = pickle.loads(pickle.dumps(schedule))
    assert (again.run_every, again.offset) == (schedule.run_every, schedule.offset)


def test_what_comes_late_is_not_done_after_its_successor() -> None:
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["expires"] <= entry["schedule"].run_every.total_seconds()
        assert entry["task"].rpartition(".")[0] == "engagement_conductor.tasks"
