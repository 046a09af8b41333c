"""Which groups are told what."""

from typing import Any

import pytest

from anomalies_app.records import Change
from dashboard.live import broadcast
from dashboard.live.subscriptions import WatchedGroups
from dashboard.pages.payloads import EndedSession, anomaly_payload
from sessions_app.models import PollMoment
from sessions_app.scoring.score import ScoreSettings
from tests.dashboard.conftest import RecordingLayer
from tests.factories import (
    Cast,
    last_tick_end,
    make_anomaly,
    make_notice,
    make_point,
    unsaved_session,
)

POINTS = [
    make_point(unsaved_session(key, event), 0.5) for key, event in ((1, 10), (2, 10), (3, 30))
]


def sessions_by_group(layer: RecordingLayer, field: str) -> dict[str, list[int]]:
    """The sessions in the only message of each group."""
    assert all(len(messages) == 1 for messages in layer.sent.values())
    return {
        group: [item["session"] for item in message[field]]
        for group, [message] in layer.sent.items()
    }


def test_each_group_gets_all_of_its_points_in_one_message(layer: RecordingLayer) -> None:
    watched = WatchedGroups(frozenset({1}), frozenset({10}), all_events=True)
    broadcast.broadcast_points(POINTS, watched)
    assert sessions_by_group(layer, "points") == {
        "session.1": [1],
        "event.10": [1, 2],
        "events.all": [1, 2, 3],
    }
    assert {message["type"] for [message] in layer.sent.values()} == {"points"}


def test_only_a_sessions_own_pages_are_told_what_its_score_is_made_of(
    layer: RecordingLayer,
) -> None:
    settings = {10: ScoreSettings(active_users_weight=0.9)}
    watched = WatchedGroups(frozenset({1}), frozenset({10}))
    broadcast.broadcast_points(POINTS[:2], watched, settings_of=settings.__getitem__)
    [own], [events] = layer.sent["session.1"], layer.sent["event.10"]
    assert own["points"][0]["contributions"][2]["weight"] == 0.9
    assert all("contributions" not in point for point in events["points"])


def test_nothing_is_sent_to_nobody(layer: RecordingLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    crossings: list[Any] = []
    monkeypatch.setattr(broadcast, "async_to_sync", crossings.append)
    broadcast.broadcast_points(POINTS, WatchedGroups(frozenset({99}), frozenset({98})))
    broadcast.broadcast_points([], WatchedGroups(all_events=True))
    assert (layer.sent, crossings) == ({}, [])


def test_the_loop_is_entered_once_for_all_groups(
    layer: RecordingLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossings: list[Any] = []
    enter = broadcast.async_to_sync
    monkeypatch.setattr(
        broadcast, "async_to_sync", lambda call: crossings.append(call) or enter(call)
    )
    broadcast.broadcast_points(POINTS, WatchedGroups(frozenset({1, 2, 3}), frozenset({10, 30})))
    assert (len(layer.sent), len(crossings)) == (5, 1)


def test_ends_are_told_to_pages_and_overviews(layer: RecordingLayer) -> None:
    time = last_tick_end()
    ended = [EndedSession(1, 10, time), EndedSession(3, 30, time)]
    broadcast.broadcast_ended(ended, WatchedGroups(frozenset({3}), frozenset({10})))
    assert sessions_by_group(layer, "sessions") == {"event.10": [1], "session.3": [3]}
    [message] = layer.sent["session.3"]
    assert message == {
        "type": "ended",
        "sessions": [{"session": 3, "time": time.timestamp() * 1000}],
    }


def test_changes_of_anomalies_are_told_to_pages_and_overviews(layer: RecordingLayer) -> None:
    notices = [
        make_notice(unsaved_session(1, 10)),
        make_notice(unsaved_session(3, 30), Change.ENDED),
    ]
    broadcast.broadcast_changes(notices, WatchedGroups(frozenset({3}), frozenset({10}), True))
    assert sessions_by_group(layer, "anomalies") == {
        "event.10": [1],
        "session.3": [3],
        "events.all": [1, 3],
    }
    [message] = layer.sent["session.3"]
    assert message["type"] == "anomalies"
    assert message["anomalies"] == [anomaly_payload(notices[1])]


def test_polls_are_told_to_their_sessions_pages_only(layer: RecordingLayer) -> None:
    time = last_tick_end()
    moments = [
        PollMoment(session_id=key, poll_id="p1", kind="CLOSED", time=time, voters=2, present=5)
        for key in (1, 2, 3)
    ]
    watched = WatchedGroups(frozenset({1, 3}), frozenset({10}), all_events=True)
    broadcast.broadcast_polls(moments, watched)
    assert sessions_by_group(layer, "polls") == {"session.1": [1], "session.3": [3]}
    assert layer.sent["session.1"][0]["type"] == "polls"


@pytest.mark.integration
def test_a_changed_row_is_told_wherever_it_may_stand(layer: RecordingLayer, cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    broadcast.broadcast_anomalies([anomaly.pk])
    session, event = anomaly.session_id, anomaly.event_id
    groups = {f"session.{session}", f"event.{event}", "events.all"}
    assert layer.sent.keys() == groups
    assert sessions_by_group(layer, "anomalies") == {group: [session] for group in groups}


@pytest.mark.integration
def test_many_changed_rows_are_read_and_told_together(
    layer: RecordingLayer, cast: Cast, django_assert_num_queries: Any
) -> None:
    anomalies = [make_anomaly(make_notice(cast.session, ago=ago)) for ago in range(40, 160, 20)]
    with django_assert_num_queries(1):
        broadcast.broadcast_anomalies([anomaly.pk for anomaly in anomalies])
    [message] = layer.sent["events.all"]
    assert {each["id"] for each in message["anomalies"]} == {str(each.pk) for each in anomalies}
