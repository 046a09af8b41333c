"""What the open pages are told of a tick, also of sessions that have moved since."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import redis

from anomalies_app.records import Change
from dashboard.live import sinks
from dashboard.live.subscriptions import WatchedGroups, event_group
from engagement_conductor.pipeline.caches import WorkerCaches
from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.models import Event
from sessions_app.outcomes.outbox import ANOMALIES, ENDS, METRICS, POLLS
from sessions_app.state.poll_notices import PollMomentKind
from sessions_app.state.tick_metrics import METRIC, TickMetrics
from sessions_app.ticks import TICK_SECONDS
from tests.dashboard.conftest import RecordingLayer, assert_told
from tests.factories import last_tick_end, make_notice, make_poll_moment

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _watched(moved: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is open on pages, and so are both events and the admin's overview."""
    events = frozenset({moved.old.pk, moved.new.pk})
    groups = WatchedGroups(frozenset({moved.session.pk}), events, all_events=True)
    monkeypatch.setattr(sinks, "watched_groups", lambda client: groups)


TICK = int(last_tick_end().timestamp()) // TICK_SECONDS - 1


def scored_before(moved: SimpleNamespace) -> dict[str, Any]:
    """What was stored of a tick that was scored while the session was Alice's."""
    metrics = np.zeros(1, METRIC)
    metrics["session_id"], metrics["event_id"] = moved.session.pk, moved.old.pk
    named = TickMetrics([moved.session.external_id], metrics)
    return {METRICS: named, ENDS: [moved.session.pk]}


def show_all(client: redis.Redis, stored: dict[str, Any]) -> EventSettingsCache:
    """Shows the open pages what was stored, as a worker does that has just started."""
    caches = WorkerCaches(client)
    caches.event_settings.ensure([*Event.objects.values_list("pk", flat=True)])
    sinks.show(client, TICK, stored, caches.event_settings, caches.pauses, is_current=False)
    return caches.event_settings


def test_points_and_anomalies_of_an_earlier_tick_are_too(
    moved: SimpleNamespace, layer: RecordingLayer, redis_client: redis.Redis
) -> None:
    over = make_notice(moved.session, Change.ENDED, event_id=moved.old.pk)
    show_all(redis_client, {ANOMALIES: [moved.notice, over]})
    assert_told(layer, moved)
    show_all(redis_client, {METRICS: scored_before(moved)[METRICS]})
    assert_told(layer, moved)
    assert len(layer.sent[event_group(moved.new.pk)]) == 2


def test_the_scorer_tells_all_of_it_to_the_new_event(
    moved: SimpleNamespace, layer: RecordingLayer, redis_client: redis.Redis
) -> None:
    moments = [make_poll_moment(moved.session, "p", PollMomentKind.FIRST_VOTE, last_tick_end())]
    stored = {**scored_before(moved), ANOMALIES: [moved.notice], POLLS: moments}
    show_all(redis_client, stored)
    assert_told(layer, moved)
    kinds = {message["type"] for message in layer.sent[event_group(moved.new.pk)]}
    assert kinds == {"points", "anomalies", "ended"}


def test_the_scorer_knows_an_event_that_a_session_has_just_been_moved_to(
    moved: SimpleNamespace, layer: RecordingLayer, redis_client: redis.Redis
) -> None:
    Event.objects.filter(pk=moved.new.pk).update(chat_weight=0.5)
    settings = show_all(redis_client, scored_before(moved))
    assert settings.external_ids[moved.new.pk] == moved.new.external_id
    assert settings.settings_of(moved.new.pk).chat_weight == 0.5


def fail_with(error: Exception) -> Callable[..., None]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def test_a_sink_that_fails_leaves_the_others_theirs(
    moved: SimpleNamespace,
    layer: RecordingLayer,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sinks.SINKS, METRICS, fail_with(TypeError("garbage")))
    with pytest.raises(TypeError, match="garbage"):
        show_all(redis_client, {**scored_before(moved), ANOMALIES: [moved.notice]})
    kinds = {message["type"] for message in layer.sent[event_group(moved.new.pk)]}
    assert kinds == {"anomalies", "ended"}
    monkeypatch.setitem(sinks.SINKS, ENDS, fail_with(ValueError("more garbage")))
    with pytest.raises(ExceptionGroup) as raised:
        show_all(redis_client, scored_before(moved))
    assert [type(error) for error in raised.value.exceptions] == [TypeError, ValueError]


def test_without_a_server_the_other_sinks_are_not_tried(
    moved: SimpleNamespace,
    layer: RecordingLayer,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sinks.SINKS, METRICS, fail_with(redis.ConnectionError("refused")))
    with pytest.raises(redis.ConnectionError):
        show_all(redis_client, scored_before(moved))
    assert not layer.sent
