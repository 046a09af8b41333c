"""Small pictures of what was around an anomaly."""

from datetime import timedelta
from typing import Any

import pytest

from anomalies_app.admin.pictures import score_picture
from anomalies_app.models import Anomaly
from tests.anomalies_app.admin.test_change_list import LIST, NOON, at
from tests.dashboard.conftest import logged_in
from tests.factories import (
    Cast,
    make_anomaly,
    make_metrics,
    make_notice,
    make_session,
)

pytestmark = pytest.mark.integration

FIVE_MINUTES = timedelta(minutes=5)


def test_a_picture_runs_from_edge_to_edge_with_a_line_where_it_was_raised() -> None:
    points = [(at(-300), 1.0), (at(-295), 0.5), (at(300), 0.0)]
    picture = score_picture(points, NOON, FIVE_MINUTES)
    assert 'd="M60 0V32"' in picture
    # What is missing for long is no line.
    assert 'd="M0.0 0.0L1.0 16.0M120.0 32.0"' in picture
    assert "Score between 0 and 100 % around the anomaly" in picture
    assert score_picture([], NOON, FIVE_MINUTES) == ""


@pytest.mark.parametrize("rows", [1, 4])
def test_the_courses_of_a_page_come_with_one_query(
    cast: Cast, rows: int, django_assert_num_queries: Any
) -> None:
    sessions = [make_session(cast.session.event, f"Talk {number}") for number in range(rows)]
    anomalies = [
        make_anomaly(make_notice(session, began_at=at(3600 * number)))
        for number, session in enumerate(sessions)
    ]
    for anomaly, session in zip(anomalies, sessions, strict=True):
        make_metrics(session, [0.1, 0.2, 0.3], anomaly.time + FIVE_MINUTES)
        make_metrics(session, [0.9], anomaly.time - FIVE_MINUTES)
        make_metrics(session, [0.5], anomaly.time + timedelta(seconds=305))
    make_metrics(cast.bobs_session, [0.7], NOON)
    with django_assert_num_queries(1):
        courses = Anomaly.objects.courses(anomalies, FIVE_MINUTES)
    assert {key: [score for _, score in course] for key, course in courses.items()} == {
        anomaly.pk: [0.9, 0.1, 0.2, 0.3] for anomaly in anomalies
    }
    assert courses[anomalies[0].pk][0][0] == anomalies[0].time - FIVE_MINUTES
    with django_assert_num_queries(0):
        assert Anomaly.objects.courses([], FIVE_MINUTES) == {}


def test_a_row_has_its_picture(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    make_anomaly(make_notice(cast.bobs_session))
    make_metrics(cast.session, [0.25, 0.75], anomaly.time)
    page = logged_in(cast.admin).get(LIST).content.decode()
    assert page.count('<svg class="course"') == 1
    assert "Score between 25 and 75 % around the anomaly" in page
