"""The API: what it tells, to whom, in which pages; every answer is checked as described."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openapi_spec_validator import validate

from anomalies_app.records import Change
from sessions_app.models import Pause
from tests.dashboard.api.described import ROOT, Program, make_token, session_path, specification
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


def ids(response: Any) -> list[str]:
    return [session["sessionId"] for session in response.json()["sessions"]]


def test_the_description_is_valid_and_served() -> None:
    validate(specification())
    response = Client().get(f"{ROOT}/openapi.yaml")
    assert response.headers["Content-Type"] == "application/yaml"
    assert response.content.startswith(b"openapi: 3.1")


def test_sessions_are_listed_live_ones_first_asked(cast: Cast, platform: Program) -> None:
    ended = make_session(cast.session.event, "Over", ended_at=last_tick_end())
    live = [cast.session.external_id, cast.bobs_session.external_id]
    assert ids(platform.get("/sessions/")) == live
    assert ids(platform.get("/sessions/?state=ended")) == [ended.external_id]
    assert ids(platform.get("/sessions/?state=all")) == [*live, ended.external_id]
    event = cast.bobs_session.event.external_id
    assert ids(platform.get(f"/sessions/?event={event}")) == [cast.bobs_session.external_id]


def test_lists_come_in_pages(cast: Cast, platform: Program) -> None:
    for number in range(3):
        make_session(cast.session.event, f"Talk {number}")
    path, found = "/sessions/?limit=2", []
    while path is not None:
        response = platform.get(path)
        found.append(ids(response))
        path = response.json()["next"]
    assert [len(page) for page in found] == [2, 2, 1]
    assert len({name for page in found for name in page}) == 5


def test_events_are_listed_with_their_live_sessions(cast: Cast, partner: Program) -> None:
    make_session(cast.session.event, "Over", ended_at=last_tick_end())
    event = cast.session.event
    assert partner.get("/events/").json()["events"] == [
        {
            "eventId": event.external_id,
            "title": event.title,
            "liveSessions": 1,
            "isStandIn": False,
        }
    ]


def test_a_history_is_told_from_a_time_on_in_pages(cast: Cast, platform: Program) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1, 0.2, 0.3, 0.4, 0.5], end)
    start = (end - 3 * TICK).isoformat().replace("+00:00", "Z")
    path, scores = session_path(cast.session, f"history/?from={start}&limit=3"), []
    while path is not None:
        body = platform.get(path).json()
        scores.append([point["score"] for point in body["points"]])
        path = body["next"]
    assert scores == [[0.2, 0.3, 0.4], [0.5]]


def test_a_history_without_a_beginning_is_the_last_points(cast: Cast, platform: Program) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1, 0.2, 0.3], end)
    last = platform.get(session_path(cast.session, "history/?limit=2")).json()
    assert [point["score"] for point in last["points"]] == [0.2, 0.3]
    until = end.isoformat().replace("+", "%2B")
    before = platform.get(session_path(cast.session, f"history/?to={until}")).json()
    assert [point["score"] for point in before["points"]] == [0.1, 0.2]


def test_anomalies_are_told_newest_first_in_pages(cast: Cast, platform: Program) -> None:
    for ago in (60, 40, 20):
        make_anomaly(make_notice(cast.session, Change.ENDED, ago=ago))
    path, ages = session_path(cast.session, "anomalies/?limit=2"), []
    while path is not None:
        body = platform.get(path).json()
        ages.append([anomaly["timestamp"] for anomaly in body["anomalies"]])
        path = body["next"]
    assert [len(page) for page in ages] == [2, 1]
    times = [time for page in ages for time in page]
    assert times == sorted(times, reverse=True)


def test_a_token_sees_its_own_events_only(cast: Cast, partner: Program) -> None:
    assert ids(partner.get("/sessions/?state=all")) == [cast.session.external_id]
    for more in ("", "history/", "anomalies/"):
        assert partner.get(session_path(cast.session, more)).status_code == 200
        assert partner.get(session_path(cast.bobs_session, more)).status_code == 404
    other = cast.bobs_session.event.external_id
    assert ids(partner.get(f"/sessions/?event={other}")) == []


def test_a_token_whose_events_are_gone_sees_nothing(cast: Cast, partner: Program) -> None:
    cast.session.event.delete()
    assert ids(partner.get("/sessions/?state=all")) == []


def test_writing_ends_at_the_tokens_events(cast: Cast) -> None:
    writer = Program(make_token("writer", cast.session.event, can_write=True))
    assert writer.post(session_path(cast.bobs_session, "end/")).status_code == 404
    assert writer.post(session_path(cast.session, "end/")).status_code == 200


def test_a_break_is_announced_and_ended_any_number_of_times(cast: Cast, platform: Program) -> None:
    for _ in range(2):
        response = platform.post(session_path(cast.session, "pause/"))
        assert (response.status_code, response.json()["pause"]) == (200, "BREAK")
    for _ in range(2):
        response = platform.post(session_path(cast.session, "resume/"))
        assert (response.status_code, response.json()["pause"]) == (200, None)
    assert Pause.objects.count() == 1


def test_an_end_is_announced_once(cast: Cast, platform: Program) -> None:
    ended = platform.post(session_path(cast.session, "end/")).json()["endedAt"]
    assert ended is not None
    assert platform.post(session_path(cast.session, "end/")).json()["endedAt"] == ended
    assert platform.post(session_path(cast.session, "pause/")).status_code == 409


def test_the_list_asks_the_same_questions_however_long_it_is(cast: Cast, platform: Program) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            platform.get("/sessions/")
        return len(queries)

    platform.get("/sessions/")
    first = count()
    for number in range(5):
        session = make_session(make_event(f"Event {number}"), "Talk")
        make_metrics(session, [0.5])
        make_anomaly(make_notice(session))
    assert count() == first == 5
