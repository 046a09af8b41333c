"""Limits on what a page may ask for."""

from dashboard.live.limits import Allowance


def test_a_burst_is_let_through_and_then_one_in_a_while() -> None:
    allowance = Allowance(burst=3, seconds=5, now=100)
    assert [allowance.take(100) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(104.9), allowance.take(105.1), allowance.take(105.2)] == [
        False,
        True,
        False,
    ]


def test_refused_requests_do_not_delay_the_next_one() -> None:
    allowance = Allowance(burst=1, seconds=5, now=0)
    assert allowance.take(0)
    assert not any(allowance.take(second) for second in (1, 2, 3, 4))
    assert allowance.take(5)


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    allowance = Allowance(burst=2, seconds=1, now=0)
    assert [allowance.take(1_000) for _ in range(3)] == [True, True, False]
