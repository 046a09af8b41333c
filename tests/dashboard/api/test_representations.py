"""What programs are told of a session."""

import pytest

from tests.dashboard.api.described import Program, session_path
from tests.factories import (
    Cast,
    make_anomaly,
    make_metrics,
    make_notice,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


def test_a_session_is_told_as_it_is_now(cast: Cast, platform: Program) -> None:
    make_metrics(cast.session, [0.3, 0.7])
    anomaly = make_anomaly(make_notice(cast.session))
    body = platform.get(session_path(cast.session)).json()
    assert body["sessionId"] == cast.session.external_id
    assert body["eventId"] == cast.session.event.external_id
    assert (body["current"]["score"], body["current"]["category"]) == (0.7, "HIGH")
    assert body["anomaly"]["id"] == str(anomaly.id)
    assert {part["signal"] for part in body["explanation"]} == {
        "chat_msgs_per_min",
        "poll_participation",
        "active_users",
        "reactions_per_min",
        "user_leave_rate",
    }


def test_a_session_without_a_score_is_told_too(cast: Cast, platform: Program) -> None:
    body = platform.get(session_path(cast.session)).json()
    assert (body["current"], body["anomaly"], body["explanation"]) == (None, None, [])
