"""While somebody has locked the scores, everything else is there."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from dashboard.live import consumers
from dashboard.live.limits import KeyedLimit
from dashboard.models import ApiToken
from sessions_app.models import Pause
from sessions_app.storage.locked_scores import ScoresLockedError, forget_lock
from tests.conftest import url_of_database
from tests.dashboard.conftest import logged_in
from tests.dashboard.sockets import connected, open_socket, session_path
from tests.factories import (
    Cast,
    last_tick_end,
    make_anomaly,
    make_metrics,
    make_notice,
    make_session,
)
from tests.servers.outages import locked

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]
WORDS = "The scores cannot be read at the moment"


@pytest.fixture
def cast(transactional_db: None, cast: Cast) -> Iterator[Cast]:
    for session in (cast.session, cast.bobs_session):
        make_metrics(session, [0.5] * 3)
    over = make_session(cast.session.event, "Over", ended_at=last_tick_end())
    make_metrics(over, [0.5] * 3)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield cast
    forget_lock()
    connection.close()


def test_pages_show_the_rest_and_say_so(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    alice = logged_in(cast.alice)
    pages = ["/", f"/sessions/{cast.session.pk}/", "/finished/"]
    before = [alice.get(page).content.decode() for page in pages]
    with locked(url_of_database()):
        for page in pages:
            response = alice.get(page)
            text = response.content.decode()
            assert (response.status_code, WORDS in text) == (200, True), page
            assert "Keynote" in text or page == "/finished/"
            assert anomaly.reason in text or page == "/finished/"
    forget_lock()
    for page, text in zip(pages, before, strict=True):
        assert WORDS not in text
        assert WORDS not in alice.get(page).content.decode()


def test_what_is_made_of_scores_is_asked_for_again(cast: Cast) -> None:
    alice = logged_in(cast.alice)
    alice.raise_request_exception = False
    base = f"/sessions/{cast.session.pk}"
    with locked(url_of_database()):
        for page in ("report/", "history/?range=5m", "metrics.csv", "metrics.json"):
            response = alice.get(f"{base}/{page}")
            assert response.status_code == 503, page
            assert response.headers["Retry-After"] == response.headers["Refresh"] == "5"
        assert "Refresh" not in alice.post(f"{base}/report/").headers


def test_the_admin_goes_on(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    admin = logged_in(cast.admin)
    with locked(url_of_database()):
        for page in (
            "/admin/",
            "/admin/sessions_app/session/",
            "/admin/anomalies_app/anomaly/",
            f"/admin/anomalies_app/anomaly/{anomaly.pk}/change/",
        ):
            assert admin.get(page).status_code == 200, page
        answer = admin.post(f"/anomalies/{anomaly.pk}/acknowledge/", headers={"accept": "*/json"})
        assert answer.status_code < 400


def test_programs_are_told_to_come_back_and_may_announce(cast: Cast) -> None:
    _, secret = ApiToken.objects.issue(name="all", all_events=True, can_write=True)
    program = Client(headers={"authorization": f"Bearer {secret}"})
    path = f"/api/v1/sessions/{cast.session.external_id}/"
    with locked(url_of_database()):
        for address in ("/api/v1/sessions/", path, f"{path}history/"):
            response = program.get(address)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
            assert "scores" in response.json()["detail"]
        assert program.get("/api/v1/events/").status_code == 200
        assert program.get(f"{path}anomalies/").status_code == 200
        announced = program.post(f"{path}pause/")
    assert (announced.status_code, announced.json()["pause"]) == (200, "BREAK")
    assert announced.json()["current"] is None
    assert Pause.objects.count() == 1


def test_another_table_is_not_done_without(cast: Cast) -> None:
    """An alert that is not shown would be worse than a page that comes later."""
    alice = logged_in(cast.alice)
    alice.raise_request_exception = False
    with locked(url_of_database(), "anomalies"):
        response = alice.get("/")
    assert (response.status_code, response.headers["Refresh"]) == (503, "5")


@pytest.mark.usefixtures("connections_closed")
async def test_a_socket_that_waits_for_scores_notices_that_its_client_has_gone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = KeyedLimit(2)
    monkeypatch.setattr(consumers, "open_sockets", count)

    def fail(keys: list[int]) -> list[str | None]:
        raise ScoresLockedError("locked")

    monkeypatch.setattr(consumers, "_load_session_pages", fail)
    socket = await open_socket(session_path(cast), cast.alice)
    assert (await socket.connect(timeout=5))[0]
    await socket.send_to(text_data=json.dumps({"type": "snapshot"}))
    assert await socket.receive_nothing(timeout=0.1)
    assert len(count) == 1
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    async with asyncio.timeout(3):
        while len(count):
            await asyncio.sleep(0.01)
    await socket.wait()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "_retry_snapshot" in repr(task)]


@pytest.mark.usefixtures("connections_closed")
async def test_a_socket_keeps_its_page_until_scores_can_be_read(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOCKED_SECONDS", 0.1)
    monkeypatch.setattr("sessions_app.storage.locked_scores.RETRY_AFTER_SECONDS", 0.0)
    snapshot = consumers._load_session_pages
    locks = [ScoresLockedError("locked")] * 3

    def fail_at_first(keys: list[int]) -> list[str | None]:
        if locks:
            raise locks.pop()
        return snapshot(keys)

    socket, _ = await connected(session_path(cast), cast.alice)
    monkeypatch.setattr(consumers, "_load_session_pages", fail_at_first)
    await socket.send_to(text_data=json.dumps({"type": "snapshot"}))
    again = await socket.receive_json_from(timeout=10)
    assert (again["type"], len(again["points"]), locks) == ("snapshot", 3, [])
    await socket.disconnect()
