"""What the tests of pages share: browsers, what open pages are told, and a session that moved."""

import json
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from anomalies_app.models import Anomaly
from dashboard.live import broadcast
from dashboard.live.messages import Update, messages
from dashboard.live.subscriptions import ALL_EVENTS, event_group, session_group
from sessions_app.models import Session
from tests.factories import Cast, make_anomaly, make_metrics, make_notice


def logged_in(user: User) -> Client:
    """A browser in which ``user`` has logged in."""
    client = Client()
    client.force_login(user)
    return client


class RecordingLayer:
    """A channel layer that notes what pages will be told."""

    def __init__(self) -> None:
        self.sent: dict[str, list[dict[str, Any]]] = defaultdict(list)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        update = Update(**message)
        assert update.group == group
        (text,) = messages([update])
        told = json.loads(text)
        assert told.pop("now") > 0
        self.sent[group].append(told)


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> RecordingLayer:
    layer = RecordingLayer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    return layer


@pytest.fixture
def moved(cast: Cast) -> SimpleNamespace:
    """Alice's session with an anomaly, as it was scored before it was moved to Bob's event."""
    make_metrics(cast.session, [0.5] * 3)
    notice = make_notice(cast.session, ago=40)
    anomaly = make_anomaly(notice)
    old, new = cast.session.event, cast.bobs_session.event
    form = {
        "title": cast.session.title,
        "event": new.pk,
        "ended_at_0": "",
        "ended_at_1": "",
        "initial-ended_at_0": "",
        "initial-ended_at_1": "",
        "pauses-TOTAL_FORMS": 0,
        "pauses-INITIAL_FORMS": 0,
    }
    address = f"/admin/sessions_app/session/{cast.session.pk}/change/"
    assert logged_in(cast.admin).post(address, form).status_code == 302
    session = Session.objects.select_related("event").get(pk=cast.session.pk)
    assert session.event_id == new.pk
    assert Anomaly.objects.get().event_id == old.pk, "the copy is stale"
    return SimpleNamespace(session=session, anomaly=anomaly, notice=notice, old=old, new=new)


def assert_told(layer: RecordingLayer, moved: SimpleNamespace) -> None:
    """The session's page, Bob's overview and the admin's; not Alice's."""
    assert layer.sent.keys() == {
        session_group(moved.session.pk),
        event_group(moved.new.pk),
        ALL_EVENTS,
    }
