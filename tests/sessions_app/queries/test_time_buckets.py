"""The past of a session in few points."""

from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.models import EngagementMetric
from sessions_app.queries.time_buckets import EPOCH, bucket_width
from sessions_app.scoring.score import Signals
from tests.factories import SIGNALS, TICK, make_metrics, make_session

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEN_YEARS = timedelta(days=3653)


@pytest.fixture(params=["time_bucket", "date_bin"])
def function(request, db, monkeypatch):
    """The name of the function that the database has: those of TimescaleDB, or PostgreSQL's own."""
    if request.param == "date_bin":
        monkeypatch.setitem(connections["default"].__dict__, "has_timescaledb", False)
    else:
        request.getfixturevalue("timescaledb")
    return request.param


@given(
    start=st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.just(UTC)),
    seconds=st.integers(0, 400_000_000),
    most=st.integers(2, 1000),
)
def test_width_is_of_whole_ticks_and_leaves_no_more_buckets_than_asked(start, seconds, most):
    try:
        end = start + timedelta(seconds=seconds)
    except OverflowError:
        return
    width = bucket_width(start, end, most)
    assert width >= TICK
    assert width % TICK == timedelta()
    assert (end - EPOCH) // width - (start - EPOCH) // width + 1 <= most


def test_width_of_a_short_range_is_one_tick():
    assert bucket_width(NOON, NOON) == TICK
    assert bucket_width(NOON, NOON + timedelta(minutes=5)) == TICK


@pytest.mark.parametrize(("seconds", "most"), [(-1, 300), (60, 1)])
def test_width_of_an_impossible_range_is_refused(seconds, most):
    with pytest.raises(ValueError, match="buckets"):
        bucket_width(NOON, NOON + timedelta(seconds=seconds), most)


@pytest.mark.integration
def test_history_of_few_points_is_the_points(function, session):
    scores = [0.1, 0.5, 0.9]
    make_metrics(session, scores, NOON)
    history = EngagementMetric.objects.history(session.pk, NOON - 2 * TICK, NOON)
    assert [(bucket.time, bucket.average, bucket.points) for bucket in history] == [
        (NOON - 2 * TICK, 0.1, 1),
        (NOON - TICK, 0.5, 1),
        (NOON, 0.9, 1),
    ]


@pytest.mark.integration
def test_history_summarises_what_lies_in_each_bucket(function, session):
    scores = [number / 1000 for number in range(1000)]
    make_metrics(session, scores, NOON)
    first = NOON - 999 * TICK
    history = EngagementMetric.objects.history(session.pk, first, NOON, 50)
    assert len(history) <= 50
    assert sum(bucket.points for bucket in history) == 1000
    for bucket in history:
        ticks = [
            number
            for number in range(1000)
            if bucket.time <= first + number * TICK < bucket.time + bucket.width
        ]
        expected = [scores[number] for number in ticks]
        assert bucket.points == len(expected)
        assert bucket.average == pytest.approx(mean(expected))
        assert (bucket.lowest, bucket.highest) == (min(expected), max(expected))
        assert bucket.signals == pytest.approx(
            Signals(*(getattr(SIGNALS, name) for name in Signals._fields))
        )


@pytest.mark.integration
def test_history_takes_one_query_and_leaves_out_what_is_not_asked_for(
    function, session, django_assert_num_queries
):
    make_metrics(session, [0.2] * 10, NOON)
    make_metrics(make_session(session.event, "Panel"), [0.9] * 10, NOON)
    with django_assert_num_queries(1) as captured:
        history = EngagementMetric.objects.history(session.pk, NOON - 4 * TICK, NOON - TICK)
    assert function in captured[0]["sql"]
    assert [bucket.average for bucket in history] == [0.2] * 4


@pytest.mark.integration
def test_history_of_ten_years_is_as_small_as_any(function, session):
    for days in (0, 900, 1800, 3600):
        make_metrics(session, [0.4] * 30, NOON - timedelta(days=days))
    history = EngagementMetric.objects.history(session.pk, NOON - TEN_YEARS, NOON)
    assert sum(bucket.points for bucket in history) == 120
    assert len(history) <= 8


@pytest.mark.integration
def test_history_of_nothing_is_empty(function, session):
    assert EngagementMetric.objects.history(session.pk, NOON - TEN_YEARS, NOON) == []
