"""Limits of what one user may use."""

from dashboard.live.limits import KeyedLimit, TokenBucket


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    bucket = TokenBucket(burst=3, seconds=5, now=100)
    assert [bucket.take(100) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(104.9), bucket.take(105.1), bucket.take(105.2)] == [
        False,
        True,
        False,
    ]


def test_refused_requests_do_not_delay_the_next_one() -> None:
    bucket = TokenBucket(burst=1, seconds=5, now=0)
    assert bucket.take(0)
    assert not any(bucket.take(second) for second in (1, 2, 3, 4))
    assert bucket.take(5)


def test_a_long_silence_saves_no_more_than_a_burst() -> None:
    bucket = TokenBucket(burst=2, seconds=1, now=0)
    assert [bucket.take(1_000) for _ in range(3)] == [True, True, False]


def test_each_key_has_a_limit_of_its_own_and_leaves_nothing() -> None:
    limit = KeyedLimit(2)
    assert [limit.acquire(key) for key in (1, 1, 1, 2)] == [True, True, False, True]
    assert len(limit) == 2
    limit.release(1)
    assert [limit.acquire(1), limit.acquire(1)] == [True, False]
    for key in (1, 1, 2):
        limit.release(key)
    assert len(limit) == 0
