"""Sockets: refused where a page would be, a snapshot first, then every update."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError

from anomalies_app.records import Change
from dashboard.http.losses import Losses
from dashboard.live import consumers, subscriptions
from dashboard.live.batching import BatchLoader
from dashboard.live.broadcast import broadcast_changes, broadcast_ended, broadcast_points
from dashboard.live.limits import KeyedLimit
from dashboard.live.subscriptions import WatchedGroups, watched_groups
from dashboard.pages import overview
from dashboard.pages.payloads import EndedSession, anomaly_payload
from sessions_app.models import Session
from tests.dashboard.sockets import connected, refused, session_path
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_point,
    make_session,
    make_staff,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "connections_closed"),
]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was dropped; a socket's renewal would take it to Redis."""
    fresh = Losses()
    monkeypatch.setattr(consumers, "losses", fresh)
    return fresh._counted


@sync_to_async
def broadcast(points: list[Any], redis_client: Any) -> None:
    broadcast_points(points, watched_groups(redis_client))


async def test_staff_with_the_permission_see_all_events(cast: Cast) -> None:
    reviewer = await sync_to_async(make_staff)("reviewer", "view_event")
    for path in (session_path(cast), "/ws/overview/"):
        socket, _ = await connected(path, reviewer)
        await socket.disconnect()
    clerk = await sync_to_async(make_staff)("clerk", "view_user")
    assert await refused(session_path(cast), clerk)


async def test_strangers_are_refused(cast: Cast) -> None:
    assert await refused(session_path(cast))
    assert await refused("/ws/overview/")
    assert await refused(session_path(cast), cast.bob)
    assert await refused(session_path(cast), cast.charlie)
    assert await refused("/ws/sessions/999999/", cast.admin)
    assert await refused("/ws/anything/else/", cast.admin)


async def test_pages_of_other_sites_are_refused(cast: Cast) -> None:
    assert await refused(session_path(cast), cast.alice, origin="https://example.org")


async def test_a_snapshot_comes_first_and_updates_follow(cast: Cast, redis_client) -> None:
    end = last_tick_end()
    await sync_to_async(make_metrics)(cast.session, [0.1] * 65, end - TICK)
    socket, snapshot = await connected(session_path(cast), cast.alice)
    assert (snapshot["type"], snapshot["title"], snapshot["ended"]) == ("snapshot", "Keynote", None)
    assert len(snapshot["points"]) == 60
    point = make_point(cast.session, 0.7, end)
    await broadcast([point, make_point(cast.bobs_session, 0.9)], redis_client)
    message = await socket.receive_json_from(timeout=5)
    assert message["type"] == "points"
    (update,) = message["points"]
    assert (update["session"], update["score"], update["category"]) == (
        cast.session.pk,
        0.7,
        "HIGH",
    )
    assert update["time"] == round(point.time.timestamp() * 1000)
    assert update["time"] - snapshot["points"][-1]["time"] == 5_000
    await socket.disconnect()


async def test_a_page_that_missed_something_gets_everything_again(cast: Cast) -> None:
    socket, _ = await connected(session_path(cast), cast.alice)
    await sync_to_async(make_metrics)(cast.session, [0.3, 0.4])
    await socket.send_json_to({"type": "snapshot"})
    again = await socket.receive_json_from(timeout=5)
    assert [point["score"] for point in again["points"]] == [0.3, 0.4]
    await socket.disconnect()


@pytest.mark.parametrize("text", [" ", "{}", "[]", "{", "null", '{"type":"sessions.ended"}'])
async def test_other_messages_are_ignored(cast: Cast, text: str) -> None:
    socket, _ = await connected(session_path(cast), cast.alice)
    await socket.send_to(text_data=text)
    await socket.send_to(bytes_data=b"\xff")
    await socket.send_json_to({"type": "snapshot"})
    assert (await socket.receive_json_from(timeout=5))["type"] == "snapshot"
    assert await socket.receive_nothing(timeout=0.2)
    await socket.disconnect()


async def test_whoever_asks_too_often_is_answered_now_and_then(
    cast: Cast, counted: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    socket, _ = await connected(session_path(cast), cast.alice)
    for _ in range(20):
        await socket.send_json_to({"type": "snapshot"})
    for _ in range(consumers.SNAPSHOT_BURST):
        assert (await socket.receive_json_from(timeout=5))["type"] == "snapshot"
    assert await socket.receive_nothing(timeout=0.3)
    await socket.disconnect()
    assert counted == {"refused_requests:snapshot": 20 - consumers.SNAPSHOT_BURST}
    assert caplog.text.count("too often") == 1


async def test_an_overview_gets_its_own_events_only(cast: Cast, redis_client) -> None:
    socket, snapshot = await connected("/ws/overview/", cast.alice)
    everything, all_cards = await connected("/ws/overview/", cast.admin)
    assert [card["title"] for card in snapshot["cards"]] == ["Keynote"]
    assert len(all_cards["cards"]) == 2
    points = [make_point(cast.session, 0.5), make_point(cast.bobs_session, 0.6)]
    await broadcast(points, redis_client)
    own = await socket.receive_json_from(timeout=5)
    assert [point["session"] for point in own["points"]] == [cast.session.pk]
    assert len((await everything.receive_json_from(timeout=5))["points"]) == 2
    assert await socket.receive_nothing(timeout=0.2)
    await socket.disconnect()
    await everything.disconnect()


async def test_the_end_of_a_session_is_told(cast: Cast, redis_client) -> None:
    page, _ = await connected(session_path(cast), cast.alice)
    wall, _ = await connected("/ws/overview/", cast.alice)
    ended = EndedSession(cast.session.pk, cast.session.event_id, last_tick_end())
    await sync_to_async(lambda: broadcast_ended([ended], watched_groups(redis_client)))()
    for socket in (page, wall):
        message = await socket.receive_json_from(timeout=5)
        assert message["type"] == "ended"
        assert [session["session"] for session in message["sessions"]] == [cast.session.pk]
        await socket.disconnect()


async def test_anomalies_are_told_to_those_who_see_their_session(cast: Cast, redis_client) -> None:
    page, first = await connected(session_path(cast), cast.alice)
    wall, cards = await connected("/ws/overview/", cast.alice)
    bobs, _ = await connected("/ws/overview/", cast.bob)
    assert first["anomalies"] == []
    assert [card["anomaly"] for card in cards["cards"]] == [None]
    notice = await sync_to_async(make_notice)(cast.session)
    await sync_to_async(lambda: broadcast_changes([notice], watched_groups(redis_client)))()
    for socket in (page, wall):
        message = await socket.receive_json_from(timeout=5)
        assert message.pop("now") > 0
        assert message == {"type": "anomalies", "anomalies": [anomaly_payload(notice)]}
        await socket.disconnect()
    assert await bobs.receive_nothing(timeout=0.2)
    await bobs.disconnect()


async def test_snapshots_hold_the_open_anomalies(cast: Cast) -> None:
    notice = await sync_to_async(make_notice)(cast.session, ago=60)
    over = await sync_to_async(make_notice)(cast.session, Change.ENDED, ago=300)
    for each in (notice, over):
        await sync_to_async(make_anomaly)(each)
    page, first = await connected(session_path(cast), cast.alice)
    wall, cards = await connected("/ws/overview/", cast.alice)
    assert first["anomalies"] == [anomaly_payload(notice), anomaly_payload(over)]
    assert [card["anomaly"] for card in cards["cards"]] == [anomaly_payload(notice)]
    await page.disconnect()
    await wall.disconnect()


async def test_the_scorer_knows_what_is_watched(cast: Cast, redis_client) -> None:
    assert await sync_to_async(watched_groups)(redis_client) == WatchedGroups()
    page, _ = await connected(session_path(cast), cast.alice)
    wall, _ = await connected("/ws/overview/", cast.alice)
    everything, _ = await connected("/ws/overview/", cast.admin)
    assert await sync_to_async(watched_groups)(redis_client) == WatchedGroups(
        frozenset({cast.session.pk}), frozenset({cast.session.event_id}), True
    )
    await asyncio.gather(*(socket.disconnect() for socket in (page, wall, everything)))


async def test_what_nobody_renews_is_forgotten(cast: Cast, redis_client, monkeypatch) -> None:
    monkeypatch.setattr("dashboard.live.subscriptions.LIFETIME_SECONDS", 0.2)
    page, _ = await connected(session_path(cast), cast.alice)
    await asyncio.sleep(0.3)
    assert await sync_to_async(watched_groups)(redis_client) == WatchedGroups()
    await page.disconnect()


async def test_a_socket_ends_with_the_right_to_it(cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "RENEWAL_SECONDS", 0.1)
    socket, _ = await connected(session_path(cast), cast.alice)
    await sync_to_async(cast.session.event.organizers.clear)()
    message = await socket.receive_output(timeout=5)
    assert (message["type"], message["code"]) == ("websocket.close", consumers.NO_LONGER_ALLOWED)


async def test_a_socket_ends_with_the_login(cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "RENEWAL_SECONDS", 0.1)
    socket, _ = await connected("/ws/overview/", cast.alice)
    from django.contrib.sessions.models import Session as Login

    await Login.objects.all().adelete()
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close"


async def test_an_overview_takes_up_newly_assigned_events(
    cast: Cast, redis_client, monkeypatch
) -> None:
    monkeypatch.setattr(consumers, "RENEWAL_SECONDS", 0.1)
    socket, snapshot = await connected("/ws/overview/", cast.charlie)
    assert snapshot["cards"] == []
    await sync_to_async(cast.bobs_session.event.organizers.add)(cast.charlie)
    again = await socket.receive_json_from(timeout=5)
    assert [card["title"] for card in again["cards"]] == ["Panel"]
    await broadcast([make_point(cast.bobs_session, 0.6)], redis_client)
    assert (await socket.receive_json_from(timeout=5))["points"][0]["score"] == 0.6
    await socket.disconnect()


async def test_old_scores_do_not_pass_for_current_ones(cast: Cast) -> None:
    long_ago = last_tick_end() - timedelta(hours=1)
    await sync_to_async(make_metrics)(cast.session, [0.9], long_ago)
    socket, snapshot = await connected("/ws/overview/", cast.alice)
    assert snapshot["cards"][0]["point"] is None
    await sync_to_async(make_event)("another", cast.alice)
    await socket.disconnect()


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_snapshot_of_the_overview_takes_four_queries(
    cast: Cast, sessions: int, django_assert_num_queries: Any
) -> None:
    for number in range(sessions):
        session = make_session(make_event("Event", cast.charlie), f"Talk {number}")
        make_metrics(session, [0.5])
        make_anomaly(make_notice(session))
    with django_assert_num_queries(4):  # sessions, recent metrics, open anomalies, pauses
        cards = overview.snapshot(Session.objects.visible_to(cast.charlie))["cards"]
    assert len(cards) == sessions


async def test_nothing_is_left_of_a_socket_that_has_ended(cast: Cast) -> None:
    page, _ = await connected(session_path(cast), cast.alice)
    layer = get_channel_layer()._get_layer()
    assert (len(layer.groups), len(layer.channels)) == (1, 1)  # the relay's
    await page.disconnect()
    assert (layer.groups, layer.channels) == ({}, {})
    assert layer._shards[0]._subscribed_to == set()


async def test_an_error_on_the_way_refuses_the_handshake_and_leaves_nothing(
    cast: Cast, monkeypatch, caplog
) -> None:
    async def fail(*_: Any) -> None:
        raise redis.ConnectionError("the server is away")

    monkeypatch.setattr(consumers, "renewals", BatchLoader(0, fail))
    assert await refused(session_path(cast), cast.alice)
    layer = get_channel_layer()._get_layer()
    assert (layer.groups, layer.channels) == ({}, {})
    assert [record.getMessage() for record in caplog.records] == [
        "WebSockets are closed: the server is away"
    ]


async def test_a_renewal_that_fails_is_tried_again(cast: Cast, monkeypatch, redis_client) -> None:
    monkeypatch.setattr(consumers, "RENEWAL_SECONDS", 0.05)
    socket, _ = await connected(session_path(cast), cast.alice)
    errors = [redis.ConnectionError("away"), OperationalError("away too")]

    async def fail_at_first(sockets: Any) -> Any:
        if errors:
            raise errors.pop()
        return await subscriptions.renew_subscriptions(sockets)

    monkeypatch.setattr(consumers, "renewals", BatchLoader(0, fail_at_first))
    await sync_to_async(redis_client.flushall)()
    while await sync_to_async(watched_groups)(redis_client) == WatchedGroups():
        await asyncio.sleep(0.02)
    assert errors == []
    await socket.disconnect()


async def test_a_renewal_that_is_at_fault_ends_its_socket(cast: Cast, monkeypatch) -> None:
    """Nobody would ask any more whether its user may still see all of it."""
    monkeypatch.setattr(consumers, "RENEWAL_SECONDS", 0.05)
    socket, _ = await connected(session_path(cast), cast.alice)

    async def fail(_: Any) -> Any:
        raise ValueError("of ours")

    monkeypatch.setattr(consumers, "reauthorizations", BatchLoader(0, fail))
    message = await socket.receive_output(timeout=5)
    assert (message["type"], message["code"]) == ("websocket.close", consumers.TRY_AGAIN_LATER)
    await socket.disconnect()


async def test_a_user_has_so_many_sockets_and_no_more(
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    counted: Counter[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    count = KeyedLimit(2)
    monkeypatch.setattr(consumers, "open_sockets", count)
    first, _ = await connected(session_path(cast), cast.alice)
    second, _ = await connected("/ws/overview/", cast.alice)
    assert await refused("/ws/overview/", cast.alice)
    assert await refused("/ws/overview/", cast.alice)
    assert counted == {"refused_requests:socket": 2}
    assert caplog.text.count("too many open") == 1
    other, _ = await connected("/ws/overview/", cast.bob)
    await first.disconnect()
    third, _ = await connected(session_path(cast), cast.alice)
    for socket in (second, third, other):
        await socket.disconnect()
    assert len(count) == 0


async def test_a_session_that_is_gone_ends_its_socket_and_no_other(cast: Cast) -> None:
    gone, kept = await asyncio.gather(
        consumers.session_pages.load(cast.session.pk + 1_000_000),
        consumers.session_pages.load(cast.session.pk),
    )
    assert gone is None
    assert json.loads(kept)["session"] == cast.session.pk
    socket, _ = await connected(session_path(cast), cast.alice)
    await sync_to_async(cast.session.delete)()
    await socket.send_json_to({"type": "snapshot"})
    closing = await socket.receive_output(timeout=5)
    assert (closing["type"], closing["code"]) == ("websocket.close", 4403)
