"""Tables of recorded signals: what is read, what is refused and where, and what is written."""

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from sessions_app.recordings.signal_recording import (
    CHUNK_ROWS,
    RecordedSignals,
    RecordedSignalsError,
    read_signals,
    write_signals,
)
from sessions_app.scoring.score import Signals

HEADER = (
    "session_id,tick,chat_msgs_per_min,poll_participation,active_users,total_users,"
    "reactions_per_min,user_leave_rate,agenda"
)
ROWS = (
    "a,7,12,0.5,90,100,3,0.01,programme",
    "b,0,0,0.0,1,1,0,0.0,break",
    "a,8,13,0.5,91,100,2,0.0,programme",
    "b,5,2.5,1,2,2,0,1.0,closing",
)


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "signals.csv") -> Path:
        path = tmp_path / name
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def assert_equal(first: RecordedSignals, second: RecordedSignals) -> None:
    for name, left, right in zip(RecordedSignals._fields, first, second, strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)


def make_table(row_count: int, session_count: int) -> RecordedSignals:
    random = np.random.default_rng(1)
    sessions = np.arange(row_count) % session_count
    return RecordedSignals(
        sessions,
        [f"session-{number}" for number in range(session_count)],
        np.arange(row_count) // session_count,
        random.poisson(20, row_count).astype(float),
        random.random(row_count),
        random.poisson(100, row_count).astype(float),
        np.full(row_count, 200.0),
        random.poisson(3, row_count).astype(float),
        random.random(row_count) / 3,
        random.random(row_count) < 0.1,
    )


@pytest.mark.parametrize("name", ["signals.csv", "signals.csv.gz"])
def test_read_gives_one_element_per_row(write, name):
    signals = read_signals(write(table(*ROWS), name))
    assert signals.row_count == 4
    assert signals.session_ids == ["a", "b"]
    assert signals.session.tolist() == [0, 1, 0, 1]
    assert signals.tick.tolist() == [7, 0, 8, 5]
    assert signals.muted.tolist() == [False, True, False, True]
    assert signals.signals == Signals(*signals[3:9])
    assert [column.tolist() for column in signals[3:9]] == [
        [12, 0, 13, 2.5],
        [0.5, 0, 0.5, 1],
        [90, 1, 91, 2],
        [100, 1, 100, 2],
        [3, 0, 2, 0],
        [0.01, 0, 0, 1],
    ]
    assert {column.dtype for column in signals[3:9]} == {np.dtype(np.float64)}


def test_without_an_agenda_nothing_is_muted(write):
    rows = [row.rpartition(",")[0] for row in ROWS]
    signals = read_signals(write(table(*rows, header=HEADER.removesuffix(",agenda"))))
    assert not signals.muted.any()
    assert signals.row_count == 4


def test_columns_may_be_in_any_order_and_others_are_ignored(write):
    def turn(line: str) -> str:
        return ",".join([*reversed(line.split(",")), "surplus"])

    turned = read_signals(write(table(*map(turn, ROWS), header=turn(HEADER))))
    assert_equal(turned, read_signals(write(table(*ROWS))))


def test_blank_lines_quotes_line_ends_and_a_byte_order_mark_do_not_matter(write):
    text = table(ROWS[0].replace("a", '"a"', 1), "", *ROWS[1:]).replace("\n", "\r\n")
    assert_equal(read_signals(write("\ufeff" + text)), read_signals(write(table(*ROWS))))


def test_a_table_without_rows_is_empty(write):
    signals = read_signals(write(table()))
    assert (signals.row_count, signals.session_ids) == (0, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,9,x,0,1,1,0,0,programme", "chat_msgs_per_min is 'x', not a number"),
        ("a,9.5,1,0,1,1,0,0,programme", "tick is '9.5', not a whole number"),
        ("a,-1,1,0,1,1,0,0,programme", "tick is -1, not a number of 0 or more"),
        (f"a,{'9' * 400},1,0,1,1,0,0,programme", f"tick is '{'9' * 400}', not a whole number"),
        ("a,9,nan,0,1,1,0,0,programme", "chat_msgs_per_min is nan, not a number of 0 or more"),
        ("a,9,1,0,inf,1,0,0,programme", "active_users is inf, not a number of 0 or more"),
        ("a,9,1,1.1,1,1,0,0,programme", "poll_participation is 1.1, not a share from 0 to 1"),
        ("a,9,1,0,1,1,0,-0.1,programme", "user_leave_rate is -0.1, not a share from 0 to 1"),
        ("a,9,1,0,1,1,0,0", "8 columns instead of 9"),
        ("a,9,1,0,1,1,0,0,programme,more", "10 columns instead of 9"),
        (",9,1,0,1,1,0,0,programme", "a session ID has 1 to 255 characters"),
        ("a,8,1,0,1,1,0,0,programme", "tick 8 of session 'a' is out of order"),
        ("a,7,1,0,1,1,0,0,programme", "tick 7 of session 'a' is out of order"),
    ],
)
@pytest.mark.parametrize("before", [0, CHUNK_ROWS])
def test_an_error_names_file_line_and_reason(write, row, reason, before):
    filler = [f"c,{tick},1,0,1,1,0,0,programme" for tick in range(before)]
    path = write(table(*filler, *ROWS, "", row, "d,0,1,0,1,1,0,0,programme"))
    with pytest.raises(RecordedSignalsError) as caught:
        read_signals(path)
    assert str(caught.value) == f"{path}:{before + 7}: {reason}"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (HEADER.replace("tick,", ""), "no column tick"),
        (HEADER.replace("tick", "active_users"), "no column tick"),
        (f"{HEADER},tick", "a column comes twice"),
    ],
)
def test_a_header_must_name_each_column_once(write, header, reason):
    path = write(table(header=header))
    with pytest.raises(RecordedSignalsError) as caught:
        read_signals(path)
    assert str(caught.value) == f"{path}:1: {reason}"


def test_files_that_are_no_tables_are_refused(tmp_path):
    compressed = gzip.compress(table(*ROWS).encode())
    for number, (data, reason) in enumerate(
        [
            (b"", "no column session_id"),
            (b"\xff\xfe" + b"a" * 100, "not UTF-8"),
            (compressed[:-10], "damaged gzip file"),
            (compressed[:20] + b"\0" * 20, "damaged gzip file"),
            (table("a" * 200_000).encode(), "field larger than field limit"),
        ]
    ):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(data)
        with pytest.raises(RecordedSignalsError, match=reason) as caught:
            read_signals(path)
        assert str(caught.value).startswith(str(path))
    for missing in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(RecordedSignalsError, match="directory"):
            read_signals(missing)


@pytest.mark.parametrize("name", ["signals.csv", "signals.csv.gz"])
def test_what_is_written_is_read_again_to_the_bit(tmp_path, name):
    signals = make_table(3_000, 7)
    path, again = tmp_path / name, tmp_path / f"again-{name}"
    write_signals(path, signals)
    write_signals(again, read_signals(path))
    assert_equal(read_signals(path), signals)
    assert path.read_bytes() == again.read_bytes()


def test_agenda_words_are_written_as_given(tmp_path, write):
    signals = read_signals(write(table(*ROWS)))
    path = tmp_path / "again.csv"
    write_signals(path, signals, ["programme", "break", "programme", "closing"])
    assert [line.rpartition(",")[2] for line in path.read_text().splitlines()[1:]] == [
        "programme",
        "break",
        "programme",
        "closing",
    ]
    assert_equal(read_signals(path), signals)


def test_reading_is_fast(tmp_path):
    path = tmp_path / "signals.csv.gz"
    write_signals(path, make_table(50_000, 100))
    start = time.process_time()
    read_signals(path)
    assert time.process_time() - start < 2
