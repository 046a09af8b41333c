"""CSV that does nothing when it is opened."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.spreadsheets import csv_text, safe_cell

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(A1)",
        "  =1",
        "\t=1",
        "\r=1",
        "\n1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "=",
    ],
)
def test_what_looks_like_a_formula_is_a_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Keynote", "5 - 3 = 2", "", "'quoted'", -0.5, 3, None])
def test_everything_else_stays_what_it_is(value: object) -> None:
    assert safe_cell(value) == value


def test_times_are_written_in_utc() -> None:
    time = datetime(2026, 11, 22, 11, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert safe_cell(time) == datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC).isoformat()


@given(st.lists(st.lists(texts, min_size=2, max_size=3), max_size=5))
def test_cells_survive_whatever_is_in_them(rows: list[list[str]]) -> None:
    written = csv.reader(StringIO(csv_text(rows), newline=""))
    assert [*written] == [[safe_cell(text) for text in row] for row in rows]
