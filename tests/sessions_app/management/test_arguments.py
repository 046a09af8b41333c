"""What commands take on their command lines."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from sessions_app.management.arguments import a_time, progress_bar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-17", datetime(2026, 5, 17, tzinfo=UTC)),
        ("2026-05-17T09:00", datetime(2026, 5, 17, 9, tzinfo=UTC)),
        ("2026-05-17T09:00+02:00", datetime(2026, 5, 17, 7, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text: str, expected: datetime) -> None:
    assert a_time(text) == expected
    assert a_time(text).utcoffset() is not None


def test_it_keeps_its_zone() -> None:
    assert a_time("2026-05-17T09:00+02:00").utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("text", ["", "yesterday", "17.05.2026", "2026-13-01"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="use 2026-05-17") as refused:
        a_time(text)
    assert repr(text) in str(refused.value)


def test_a_bar_is_for_somebody_who_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(3, "sessions", "reading") as bar:
        bar.update(3)
    assert capsys.readouterr() == ("", "")
