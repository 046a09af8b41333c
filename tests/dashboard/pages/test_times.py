"""Times that stand in an address."""

from datetime import UTC, datetime

import pytest

from dashboard.pages.times import parse_time

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22 12:00+00:00", "20261122T12Z"],
)
def test_any_zone_is_understood(text: str) -> None:
    assert parse_time(text) == NOON
    assert parse_time(text).tzinfo is not None


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-11-22T12:00:00", "2026-11-31T12:00:00Z", "0001-01-01T00:00:00+14:00"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)
