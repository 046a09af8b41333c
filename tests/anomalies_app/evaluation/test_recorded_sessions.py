"""Recorded signals in the order of steps: holes, late starts, mixed rows."""

import numpy as np
import pytest

from anomalies_app.evaluation import recorded_sessions
from anomalies_app.evaluation.recorded_sessions import RecordedSessions
from sessions_app.recordings.signal_recording import SIGNALS, RecordedSignals


def table(*rows: tuple[str, int, float], muted: tuple[int, ...] = ()) -> RecordedSignals:
    """Rows of session, tick and active users."""
    names = list(dict.fromkeys(name for name, _, _ in rows))
    people = np.array([float(row[2]) for row in rows])
    columns = {name: np.zeros(len(rows)) for name in SIGNALS} | {"active_users": people}
    return RecordedSignals(
        session=np.array([names.index(row[0]) for row in rows], np.int64),
        session_ids=names,
        tick=np.array([row[1] for row in rows], np.int64),
        muted=np.isin(np.arange(len(rows)), muted),
        **columns,
    )


def steps(recorded: RecordedSignals) -> list[dict[str, tuple[int, float, bool]]]:
    """For each step and stretch: the tick, active users, and whether it is muted."""
    sessions = RecordedSessions(recorded)
    found = []
    for step in sessions.steps():
        assert np.all(np.diff(step.stretches) > 0)
        names = [sessions.session_ids[stretch] for stretch in step.stretches]
        ticks = (sessions.first_ticks[step.stretches] + step.number).tolist()
        people, muted = step.signals.active_users.tolist(), step.muted.tolist()
        values = zip(ticks, people, muted, strict=True)
        found.append(dict(zip(names, values, strict=True)))
    return found


def test_sessions_that_start_at_different_ticks_go_side_by_side():
    recorded = table(("a", 100, 1), ("b", 7, 5), ("a", 101, 2), ("b", 8, 6), ("b", 9, 7))
    assert steps(recorded) == [
        {"a": (100, 1, False), "b": (7, 5, False)},
        {"a": (101, 2, False), "b": (8, 6, False)},
        {"b": (9, 7, False)},
    ]


def test_a_short_hole_keeps_the_last_values_and_is_muted():
    recorded = table(("a", 3, 1), ("a", 6, 2))
    assert [step["a"] for step in steps(recorded)] == [
        (3, 1, False),
        (4, 1, True),
        (5, 1, True),
        (6, 2, False),
    ]


@pytest.mark.parametrize(("gap", "stretches", "rows"), [(12, 1, 13), (13, 2, 2)])
def test_a_gap_of_more_than_a_minute_begins_the_session_anew(gap, stretches, rows):
    sessions = RecordedSessions(table(("a", 3, 1), ("a", 3 + gap, 2)))
    assert sessions.session_ids == ["a"] * stretches
    assert sessions.sessions.tolist() == [0] * stretches
    assert sessions.row_count == rows


@pytest.mark.parametrize(
    ("largest", "ends"),
    [
        (1, [[2], [2], [2], [1], [1]]),
        (3, [[2], [2], [2, 3], [1]]),
        (4, [[2, 4], [2, 3, 4]]),
        (7, [[2, 4, 6, 7], [1]]),
        (8, [[2, 4, 6, 7, 8]]),
    ],
)
def test_blocks_hold_whole_steps_of_no_more_rows_than_are_sorted_at_once(
    monkeypatch, largest, ends
):
    recorded = table(
        *(("a", 100 + tick, tick) for tick in range(5)),
        *(("b", tick, 10 + tick) for tick in range(3)),
        muted=(2, 4),
    )
    whole = steps(recorded)
    monkeypatch.setattr(recorded_sessions, "BLOCK_ROWS", largest)
    blocks = list(RecordedSessions(recorded).blocks())
    assert [block.ends for block in blocks] == ends
    for block in blocks:
        columns = (block.stretches, block.muted, *block.signals)
        assert {len(column) for column in columns} == {block.ends[-1]}
    assert steps(recorded) == whole


def test_the_agenda_mutes_its_own_row():
    recorded = table(("a", 3, 1), ("a", 4, 1), ("a", 5, 2), muted=(1,))
    assert [step["a"][2] for step in steps(recorded)] == [False, True, False]


def test_an_empty_table_has_no_steps():
    assert steps(table()) == []
    assert RecordedSessions(table()).row_count == 0


def test_a_session_of_one_row_is_one_step():
    assert steps(table(("a", 9, 3))) == [{"a": (9, 3, False)}]
