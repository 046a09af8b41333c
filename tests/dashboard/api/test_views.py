"""The API: what it tells, to whom, in which pages; every answer is checked as described."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openapi_spec_validator import validate

from anomalies_app.records import Change
from dashboard.api import endpoint, limits
from dashboard.models import ApiToken
from engagement_conductor.local_stack import ports
from sessions_app.models import Pause
from tests.dashboard.api.described import ROOT, Program, make_token, specification
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


@pytest.fixture
def platform(cast: Cast) -> Program:
    """Sees everything, and may write."""
    return Program(make_token("platform", all_events=True, can_write=True))


@pytest.fixture
def partner(cast: Cast) -> Program:
    """Sees Alice's event, and may read."""
    return Program(make_token("partner", cast.session.event))


def session_path(session: Any, more: str = "") -> str:
    return f"/sessions/{session.external_id}/{more}"


def ids(response: Any) -> list[str]:
    return [session["sessionId"] for session in response.json()["sessions"]]


def test_the_description_is_valid_and_served() -> None:
    validate(specification())
    response = Client().get(f"{ROOT}/openapi.yaml")
    assert response.headers["Content-Type"] == "application/yaml"
    assert response.content.startswith(b"openapi: 3.1")


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


def test_unchanged_answers_cost_no_body(cast: Cast, platform: Program) -> None:
    make_metrics(cast.session, [0.3])
    for path in ("/sessions/", session_path(cast.session), session_path(cast.session, "history/")):
        etag = platform.get(path).headers["ETag"]
        assert platform.get(path, **{"if-none-match": etag}).status_code == 304
    make_metrics(cast.session, [0.4], last_tick_end())
    assert platform.get(path, **{"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=²",
        "from=yesterday",
        "from=2026-02-30T00:00:00Z",
        "to=2026-11-22T10:00:00",
        "limit=" + "0" * 19 + "1000000",
        "limit=" + "0" * 4_400,
        "to=0001-01-01T00:00:00%2B23:59",
    ],
)
def test_bad_parameters_are_named(cast: Cast, platform: Program, query: str) -> None:
    response = platform.get(session_path(cast.session, f"history/?{query}"))
    assert response.status_code == 400
    assert response.json()["parameter"] == query.partition("=")[0]


def test_times_of_any_zone_are_understood(cast: Cast, platform: Program) -> None:
    path = session_path(cast.session, "history/?from=2026-01-01T00:00:00%2B23:59")
    assert platform.get(path).status_code == 200


def test_a_cursor_of_any_length_is_judged(cast: Cast, platform: Program) -> None:
    assert platform.get(f"/sessions/?cursor={'0' * 4_400}").json()["parameter"] == "cursor"


@pytest.mark.parametrize("name", ["missing", "x" * 300, "a%00b", "a/b", ".."])
def test_what_does_not_exist_is_404(cast: Cast, platform: Program, name: str) -> None:
    assert platform.get(f"/sessions/{name}/").status_code == 404


def test_ids_may_contain_anything_printable(cast: Cast, platform: Program) -> None:
    make_session(cast.session.event, "Odd", external_id="a/b c?&é%")
    path = "/sessions/a/b%20c%3F%26%C3%A9%25/"
    assert platform.get(path).json()["sessionId"] == "a/b c?&é%"


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


@pytest.mark.parametrize("more", ["pause/", "resume/", "end/"])
def test_writing_needs_the_permission(cast: Cast, partner: Program, more: str) -> None:
    response = partner.post(session_path(cast.session, more))
    assert response.status_code == 403
    cast.session.refresh_from_db()
    assert not cast.session.is_over
    assert not Pause.objects.exists()


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


def test_each_address_has_its_method(cast: Cast, platform: Program) -> None:
    response = platform.client.post(f"{ROOT}/sessions/", headers=platform.headers)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    path = ROOT + session_path(cast.session, "end/")
    assert platform.client.get(path, headers=platform.headers).status_code == 405
    assert platform.client.get(f"{ROOT}/nothing", headers=platform.headers).status_code == 404


def test_an_address_works_without_its_last_slash(cast: Cast, platform: Program) -> None:
    path = ROOT + session_path(cast.session, "pause")
    assert platform.client.post(path, headers=platform.headers).status_code == 200


def test_only_a_valid_token_counts(cast: Cast, platform: Program) -> None:
    for secret in (None, "", "wrong", "é"):
        response = Program(secret).get("/sessions/")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    client = Client()
    client.force_login(cast.admin)
    assert client.get(f"{ROOT}/sessions/").status_code == 401
    ApiToken.objects.get(name="platform").revoke()
    assert platform.get("/sessions/").status_code == 401


def test_a_secret_is_not_stored(cast: Cast) -> None:
    secret = make_token("platform", all_events=True)
    row = ApiToken.objects.values().get()
    assert secret not in str(row)
    assert secret.startswith(row["beginning"])


def test_its_last_use_is_noted_once_a_minute(cast: Cast, platform: Program) -> None:
    platform.get("/events/")
    used = ApiToken.objects.get().last_used_at
    with CaptureQueriesContext(
        connection,
    ) as queries:
        platform.get("/events/")
    assert not [query for query in queries.captured_queries if "UPDATE" in query["sql"]]
    ApiToken.objects.update(last_used_at=used - timedelta(minutes=2))
    platform.get("/events/")
    assert ApiToken.objects.get().last_used_at >= used


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


def test_too_many_requests_are_refused(cast: Cast, platform: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    # Around the end of a minute the count begins anew: then a few more are allowed.
    statuses = [platform.get("/events/").status_code for _ in range(6)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    while (response := platform.get("/events/")).status_code != 429:
        pass
    assert 1 <= int(response.headers["Retry-After"]) <= limits.WINDOW_SECONDS
    assert response.headers["RateLimit"].startswith('"default";r=0;')


def test_counts_of_requests_expire(
    cast: Cast, platform: Program, redis_client: redis.Redis
) -> None:
    platform.get("/events/")
    (key,) = redis_client.keys("engagement:api:*")
    assert 0 < redis_client.ttl(key) <= limits.WINDOW_SECONDS


def test_without_redis_it_goes_on(cast: Cast, platform: Program, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    assert platform.get("/sessions/").status_code == 200


def test_without_the_database_it_says_so(
    cast: Cast, platform: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Any) -> None:
        raise DatabaseError("the server is away")

    monkeypatch.setattr(endpoint, "_authenticate", fail)
    response = platform.get("/sessions/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
