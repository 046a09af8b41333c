"""One shape for first paint and live update."""

import pytest

from dashboard.payloads import metric_payload, point_payload, session_snapshot, update_payloads
from sessions_app.models import EngagementMetric
from tests.factories import Cast, last_tick_end, make_metrics, make_point

pytestmark = pytest.mark.integration


def test_a_stored_row_and_the_scorers_point_are_the_same_to_a_page(cast: Cast) -> None:
    make_metrics(cast.session, [0.62], last_tick_end())
    stored = EngagementMetric.objects.get()
    assert metric_payload(stored) == point_payload(make_point(cast.session, 0.62))


def test_a_point_holds_all_that_a_page_shows(cast: Cast) -> None:
    [update] = update_payloads([make_point(cast.session, 0.85)])
    assert update == {
        "session": cast.session.pk,
        "event": cast.session.event.pk,
        "time": last_tick_end().timestamp() * 1000,
        "score": 0.85,
        "category": "VERY_HIGH",
        "signals": {
            "chat_msgs_per_min": 14.0,
            "poll_participation": 0.4,
            "active_users": 120,
            "total_users": 150,
            "reactions_per_min": 3.0,
            "user_leave_rate": 0.01,
        },
    }


def test_the_snapshot_of_a_finished_session_says_when_it_ended(cast: Cast) -> None:
    assert session_snapshot(cast.session)["ended"] is None
    cast.session.ended_at = last_tick_end()
    assert session_snapshot(cast.session)["ended"] == last_tick_end().timestamp() * 1000
