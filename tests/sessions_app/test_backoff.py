"""Delays between attempts."""

from sessions_app.backoff import Backoff


def test_delays_double_up_to_the_longest_and_begin_anew_after_a_success():
    backoff = Backoff(first=0.5, longest=3.0)
    delays = []
    for _ in range(5):
        delays.append(backoff.delay)
        backoff.fail()
    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.delay == 0.5
