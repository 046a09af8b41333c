"""An admin moves a session from Alice's event to Bob's: from then on all of it is Bob's."""

from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from anomalies_app.models import Anomaly
from anomalies_app.review import acknowledge_anomalies
from dashboard.live import broadcast
from dashboard.live.subscriptions import ALL_EVENTS, event_group
from dashboard.models import ApiToken
from dashboard.pages.overview import live_cards
from dashboard.pages.payloads import session_snapshot
from dashboard.pages.report import session_report
from sessions_app.models import Session
from tests.dashboard.conftest import RecordingLayer, assert_told, logged_in
from tests.factories import Cast, make_anomaly, make_notice, make_session

pytestmark = pytest.mark.integration


def test_an_acknowledgement_is_told_to_the_new_event(
    cast: Cast, moved: SimpleNamespace, layer: RecordingLayer
) -> None:
    address = f"/anomalies/{moved.anomaly.pk}/acknowledge/"
    assert logged_in(cast.alice).post(address).status_code == 404
    assert layer.sent == {}
    answer = logged_in(cast.bob).post(address, headers={"accept": "application/json"})
    assert answer.json()["event"] == moved.new.pk
    assert_told(layer, moved)
    [told] = layer.sent[event_group(moved.new.pk)]
    assert told["anomalies"][0]["event"] == moved.new.pk


def test_so_is_one_in_the_admin(cast: Cast, moved: SimpleNamespace, layer: RecordingLayer) -> None:
    data = {"action": "acknowledge", "_selected_action": [str(moved.anomaly.pk)]}
    logged_in(cast.admin).post("/admin/anomalies_app/anomaly/", data)
    assert_told(layer, moved)


def test_a_session_that_is_moved_while_many_are_told_of_is_told_to_the_new_event_alone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin acknowledges many at once, and another moves their sessions meanwhile."""
    old, new = cast.session.event, cast.bobs_session.event
    others = [make_session(old, f"Room {number}") for number in range(3)]
    anomalies = [make_anomaly(make_notice(session, ago=40)) for session in others]

    class MovingLayer(RecordingLayer):
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            await super().group_send(group, message)
            await sync_to_async(Session.objects.filter(event=old).update)(event=new)

    layer = MovingLayer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(broadcast, "ANOMALIES_PER_QUERY", 1)
    acknowledge_anomalies([anomaly.pk for anomaly in anomalies], cast.admin)
    assert len(layer.sent[event_group(old.pk)]) == 1
    assert len(layer.sent[event_group(new.pk)]) == len(others) - 1
    assert len(layer.sent[ALL_EVENTS]) == len(others)


def test_one_that_cannot_be_told_does_not_stop_the_others(
    cast: Cast, layer: RecordingLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_anomaly(make_notice(cast.session, ago=ago)) for ago in (90, 40))
    payload_of = broadcast.stored_anomaly_payload

    def fail_once(anomaly: Anomaly) -> dict[str, Any]:
        if anomaly.pk == min(first.pk, second.pk):
            raise ValueError("cannot be told")
        return payload_of(anomaly)

    monkeypatch.setattr(broadcast, "stored_anomaly_payload", fail_once)
    data = {"action": "acknowledge", "_selected_action": [str(first.pk), str(second.pk)]}
    assert logged_in(cast.admin).post("/admin/anomalies_app/anomaly/", data).status_code == 302
    assert not Anomaly.objects.filter(acknowledged_at__isnull=True).exists()
    [told] = layer.sent[ALL_EVENTS]
    assert told["anomalies"][0]["id"] == str(max(first.pk, second.pk))


def test_every_page_has_it_under_the_new_event(
    cast: Cast, moved: SimpleNamespace, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(4):
        [anomaly] = session_snapshot(moved.session)["anomalies"]
    with django_assert_max_num_queries(4):
        cards = live_cards(Session.objects.visible_to(cast.bob))
    [card] = [card for card in cards if card["session"] == moved.session.pk]
    [reported] = session_report(moved.session)["anomalies"]
    for found in (anomaly, card["anomaly"], reported, card):
        assert found["event"] == moved.new.pk
    assert live_cards(Session.objects.visible_to(cast.alice)) == []


@pytest.mark.usefixtures("redis_client")
def test_programs_and_downloads_too(cast: Cast, moved: SimpleNamespace) -> None:
    answers: dict[str, Any] = {}
    for event in (moved.old, moved.new):
        token, secret = ApiToken.objects.issue(name=event.title)
        token.events.add(event)
        program = Client(headers={"authorization": f"Bearer {secret}"})
        path = f"/api/v1/sessions/{moved.session.external_id}"
        answers[event.pk] = [
            program.get(f"{path}{end}") for end in ("/", "/history/", "/anomalies/")
        ]
    assert {answer.status_code for answer in answers[moved.old.pk]} == {404}
    session, _, anomalies = (answer.json() for answer in answers[moved.new.pk])
    [anomaly] = anomalies["anomalies"]
    for found in (session, session["anomaly"], anomaly):
        assert found["eventId"] == moved.new.external_id
    download = f"/sessions/{moved.session.pk}/anomalies.csv"
    assert logged_in(cast.alice).get(download).status_code == 404
    assert logged_in(cast.bob).get(download).status_code == 200
