"""Saying that an anomaly has been seen: who may, what is noted, and who is told."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from anomalies_app.models import Anomaly
from anomalies_app.records import Change
from dashboard.live import acknowledgements
from dashboard.pages.payloads import session_snapshot, stored_anomaly_payload
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice, make_staff

pytestmark = pytest.mark.integration


@pytest.fixture
def anomaly(cast: Cast) -> Anomaly:
    return make_anomaly(make_notice(cast.session, ago=40))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The anomalies that open pages were told of."""
    told: list[UUID] = []
    monkeypatch.setattr(acknowledgements, "broadcast_anomalies", told.extend)
    return told


def address(anomaly_id: Any) -> str:
    return f"/anomalies/{anomaly_id}/acknowledge/"


def acknowledged_by(anomaly: Anomaly) -> User | None:
    anomaly.refresh_from_db()
    return anomaly.acknowledged_by


@pytest.mark.parametrize("name", ["alice", "admin"])
def test_organizers_and_admins_acknowledge(
    cast: Cast, anomaly: Anomaly, told: list[UUID], name: str
) -> None:
    user = getattr(cast, name)
    client = logged_in(user)
    response = client.post(address(anomaly.pk), headers={"accept": "application/json"})
    assert response.status_code == 200
    assert acknowledged_by(anomaly) == user
    assert response.json() == stored_anomaly_payload(anomaly)
    assert response.json()["acknowledged"] == {
        "by": name,
        "at": round(anomaly.acknowledged_at.timestamp() * 1000),
        "text": f"Acknowledged by {name}",
    }
    assert told == [anomaly.pk]
    [shown] = session_snapshot(cast.session)["anomalies"]
    assert shown == response.json()


def test_the_first_to_acknowledge_stays(cast: Cast, anomaly: Anomaly, told: list[UUID]) -> None:
    for user in (cast.alice, cast.admin):
        logged_in(user).post(address(anomaly.pk))
    assert acknowledged_by(anomaly) == cast.alice


def test_a_form_goes_back_to_the_page(cast: Cast, anomaly: Anomaly, told: list[UUID]) -> None:
    client = logged_in(cast.alice)
    page = f"/sessions/{cast.session.pk}/"
    response = client.post(address(anomaly.pk), headers={"accept": "text/html"})
    assert (response.status_code, response["location"]) == (302, page)
    shown = client.get(page).content.decode()
    assert "Acknowledged by alice at " in shown


def test_others_cannot_even_know_of_it(cast: Cast, anomaly: Anomaly, told: list[UUID]) -> None:
    clerk = make_staff("clerk", "view_user")
    for user in (cast.bob, cast.charlie, clerk):
        assert logged_in(user).post(address(anomaly.pk)).status_code == 404
    answer = Client().post(address(anomaly.pk))
    assert (answer.status_code, answer["location"].split("?")[0]) == (302, "/login/")
    assert acknowledged_by(anomaly) is None
    assert told == []


def test_what_there_is_not_is_not_found(cast: Cast, told: list[UUID]) -> None:
    assert logged_in(cast.alice).post(address(uuid4())).status_code == 404
    assert told == []


def test_only_posts_with_a_token_count(cast: Cast, anomaly: Anomaly, told: list[UUID]) -> None:
    assert logged_in(cast.alice).get(address(anomaly.pk)).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(address(anomaly.pk)).status_code == 403
    assert acknowledged_by(anomaly) is None


def test_it_is_noted_although_nobody_can_be_told(
    cast: Cast, anomaly: Anomaly, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(anomaly_ids: list[UUID]) -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(acknowledgements, "broadcast_anomalies", fail)
    response = logged_in(cast.alice).post(
        address(anomaly.pk), headers={"accept": "application/json"}
    )
    assert response.status_code == 200
    assert acknowledged_by(anomaly) == cast.alice


def test_acknowledging_in_the_admin_is_told_of_what_goes_on(
    cast: Cast, anomaly: Anomaly, told: list[UUID]
) -> None:
    over = make_anomaly(make_notice(cast.bobs_session, Change.ENDED, ago=90))
    data = {"action": "acknowledge", "_selected_action": [str(anomaly.pk), str(over.pk)]}
    logged_in(cast.admin).post("/admin/anomalies_app/anomaly/", data)
    assert acknowledged_by(anomaly) == acknowledged_by(over) == cast.admin
    assert told == [anomaly.pk]


def test_an_anomaly_that_is_over_can_be_acknowledged(cast: Cast, told: list[UUID]) -> None:
    over = make_anomaly(make_notice(cast.session, Change.ENDED, ago=90))
    logged_in(cast.alice).post(address(over.pk))
    assert acknowledged_by(over) == cast.alice
