"""The clock."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.ticks import tick_at, tick_end, tick_end_ms, tick_ending

ticks = st.integers(0, 2**31)


def test_a_tick_bears_the_time_of_its_end() -> None:
    first = tick_at(1_000)
    assert first == 0
    assert tick_end(first) == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)


@given(ticks)
def test_the_end_of_a_tick_begins_the_next(tick: int) -> None:
    assert tick_at(tick_end_ms(tick)) == tick + 1
    assert tick_at(tick_end_ms(tick) - 1) == tick


@given(ticks)
def test_tick_ending_inverts_tick_end(tick: int) -> None:
    assert tick_ending(tick_end(tick)) == tick
