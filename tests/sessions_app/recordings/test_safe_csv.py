"""CSV that does nothing when it is opened."""

import csv
import time
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.recordings.safe_csv import csv_text, safe_cell

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(A1)",
        "  =1",
        "\N{NO-BREAK SPACE}=1",
        "\N{ZERO WIDTH SPACE}=1",
        "\N{ZERO WIDTH NO-BREAK SPACE}@SUM(A1)",
        '"=1',
        "\n1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\N{FULLWIDTH HYPHEN-MINUS}1",
        "\N{SMALL EQUALS SIGN}1",
        "=",
    ],
)
def test_what_looks_like_a_formula_is_a_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a; =1+1", "a;' =1+1"),
        ('a;"=1+1', "a;'\"=1+1"),
        ("a;;-1", "a;;'-1"),
        ("a\t=1", "a\t'=1"),
        ("a\r\n@SUM(A1)", "a\r\n'@SUM(A1)"),
        ("a\n +1", "a\n' +1"),
        ("a|=1", "a|'=1"),
        ("a;\N{FULLWIDTH EQUALS SIGN}1", "a;'\N{FULLWIDTH EQUALS SIGN}1"),
        ("=1;=2\n=3", "'=1;'=2\n'=3"),
        ("\t=1", "'\t'=1"),
        (";=1", ";'=1"),
    ],
)
def test_neither_is_one_behind_what_parts_cells_elsewhere(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


SEPARATORS = ",;|\t"
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
pieces = st.lists(st.sampled_from([*SEPARATORS, *SIGNS, "\r", "\n", '"', "'", " ", "a", "\u200b"]))


@given(pieces.map("".join), st.sampled_from(SEPARATORS))
def test_whatever_parts_the_cells_none_begins_a_formula(text: str, separator: str) -> None:
    """A program that knows quotes only around whole cells, of its own separator."""
    line = csv_text([("s", text)])
    for row in csv.reader(StringIO(line, newline=""), delimiter=separator):
        for cell in row:
            assert not cell.lstrip(" \t\u200b").startswith(tuple(SIGNS)), (line, cell)


@pytest.mark.parametrize("part", [";", "\n", " ", '"', ";=", "a;", "\u200b"])
def test_long_texts_take_no_longer_than_they_are(part: str) -> None:
    begun = time.perf_counter()
    safe_cell(part * 50_000)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    "value",
    [
        "Keynote",
        "One; two - three",
        "C++; C#",
        "a@b.example; x",
        "5 - 3 = 2",
        "",
        "'quoted'",
        -0.5,
        3,
        None,
    ],
)
def test_everything_else_stays_what_it_is(value: object) -> None:
    assert safe_cell(value) == value


def test_times_are_written_in_utc() -> None:
    moment = datetime(2026, 11, 22, 11, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert safe_cell(moment) == datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC).isoformat()


@given(st.lists(st.lists(texts, min_size=2, max_size=3), max_size=5))
def test_cells_survive_whatever_is_in_them(rows: list[list[str]]) -> None:
    written = csv.reader(StringIO(csv_text(rows), newline=""))
    assert [*written] == [[safe_cell(text) for text in row] for row in rows]
