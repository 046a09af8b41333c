"""The newest rows of many sessions, in one query."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from anomalies_app.models import Anomaly
from sessions_app.models import EngagementMetric, PollMoment
from sessions_app.queries.latest_rows import newest_of_sessions
from tests.factories import Cast, make_anomaly, make_metrics, make_notice, make_poll_moment

pytestmark = pytest.mark.integration


def test_each_session_has_its_newest_first_in_one_query(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_metrics(cast.session, [0.1, 0.2, 0.3])
    make_metrics(cast.bobs_session, [0.9])
    keys = [cast.session.pk, cast.bobs_session.pk, cast.bobs_session.pk + 1_000]
    with django_assert_num_queries(1):
        found = newest_of_sessions(EngagementMetric, keys, 2)
    assert [[row.score for row in found[key]] for key in keys] == [[0.3, 0.2], [0.9], []]


def test_of_rows_of_one_time_the_last_written_is_the_newest(cast: Cast) -> None:
    now = timezone.now()
    for name in ("first", "second"):
        make_poll_moment(cast.session, name, "CLOSED", now)
    make_poll_moment(cast.session, "before", "CLOSED", now - timedelta(seconds=5))
    found = newest_of_sessions(PollMoment, [cast.session.pk], 3)[cast.session.pk]
    assert [moment.poll_id for moment in found] == ["second", "first", "before"]


def test_rows_are_as_django_makes_them(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stored = make_anomaly(make_notice(cast.session), acknowledged_by=cast.alice)
    with django_assert_num_queries(2):
        found = newest_of_sessions(Anomaly, [cast.session.pk], 1, "acknowledged_by")
        (anomaly,) = found[cast.session.pk]
        assert anomaly.acknowledged_by == cast.alice
    again = Anomaly.objects.get(pk=stored.pk)
    assert (anomaly.metadata, anomaly.signals) == (again.metadata, again.signals)
    assert (anomaly.time, anomaly.pk) == (again.time, again.pk)
