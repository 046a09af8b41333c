"""Sends what has changed to the open pages, through the channel layer."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone
from msgspec.structs import astuple

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyRecord
from dashboard.live.messages import Update, encode_items
from dashboard.live.subscriptions import ALL_EVENTS, WatchedGroups, event_group, session_group
from dashboard.pages.payloads import (
    EndedSession,
    anomaly_payload,
    contribution_payloads,
    milliseconds,
    poll_payload,
    stored_anomaly_payload,
    update_payloads,
)
from sessions_app.models import PollMoment
from sessions_app.scoring.points import SessionPoint
from sessions_app.scoring.score import ScoreSettings, Signals
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Rows that are read and sent together: 100 KB at most.
ANOMALIES_PER_QUERY = 100

# By group: the items that it is sent.
Items = dict[str, list[dict[str, Any]]]


def default_settings(event_id: int) -> ScoreSettings:
    """The settings of an event, by its key, that nobody has edited."""
    return ScoreSettings()


def broadcast_points(
    points: Sequence[SessionPoint],
    watched: WatchedGroups,
    pauses: Mapping[int, str] | None = None,
    settings_of: Callable[[int], ScoreSettings] = default_settings,
) -> None:
    """Sends each watched group all of its points in one message: whole points, never deltas.

    The pages of a session are also sent the contributions to its score.

    Args:
        pauses: by key of a session that pauses: the kind of its pause.
        settings_of: the settings that an event, by its key, was scored with.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    items: Items = defaultdict(list)
    for point, update in zip(points, update_payloads(points, pauses or {}), strict=True):
        for group in _groups_of(update["session"], update["event"], watched):
            items[group].append(update)
        if point.session_id in watched.session_ids:
            contributions = contribution_payloads(
                Signals(*astuple(point.signals)), settings_of(point.event_id)
            )
            items[session_group(point.session_id)][-1] = {
                **update,
                "contributions": contributions,
            }
    _send("points", "points", items)


def broadcast_ended(sessions: Sequence[EndedSession], watched: WatchedGroups) -> None:
    """Sends the watched groups the sessions that have ended.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    items: Items = defaultdict(list)
    for session_id, event_id, time in sessions:
        ended = {"session": session_id, "time": milliseconds(time)}
        for group in _groups_of(session_id, event_id, watched):
            items[group].append(ended)
    _send("ended", "sessions", items)


def broadcast_polls(moments: Sequence[PollMoment], watched: WatchedGroups) -> None:
    """Sends the watched pages of sessions the polls that had a first vote, or were closed.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    items: Items = defaultdict(list)
    for poll in map(poll_payload, moments):
        if poll["session"] in watched.session_ids:
            items[session_group(poll["session"])].append(poll)
    _send("polls", "polls", items)


def broadcast_changes(anomalies: Sequence[AnomalyRecord], watched: WatchedGroups) -> None:
    """Sends the watched groups the anomalies that a tick has changed, whole, as they are now.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    items: Items = defaultdict(list)
    for anomaly in map(anomaly_payload, anomalies):
        for group in _groups_of(anomaly["session"], anomaly["event"], watched):
            items[group].append(anomaly)
    _send("anomalies", "anomalies", items)


def broadcast_anomalies(anomaly_ids: Sequence[UUID]) -> None:
    """Sends anomalies whose rows have changed to all pages that may show them.

    They go to the event that a session belongs to at that moment, so rows are read a few at a time,
    right before they are sent. One that cannot be sent does not stop the others.

    Raises:
        django.db.Error: the database does not answer.
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    for start in range(0, len(anomaly_ids), ANOMALIES_PER_QUERY):
        items: Items = defaultdict(list)
        some = Anomaly.objects.filter(pk__in=anomaly_ids[start : start + ANOMALIES_PER_QUERY])
        for anomaly in some.select_related("session", "acknowledged_by"):
            _add(anomaly, items)
        _send("anomalies", "anomalies", items)


def _add(anomaly: Anomaly, items: Items) -> None:
    try:
        payload = stored_anomaly_payload(anomaly)
    except Exception as error:  # noqa: BLE001 - it concerns this anomaly only
        log_failure(logger, "Open pages do not show an anomaly", error)
        return
    event = event_group(anomaly.session.event_id)
    for group in (session_group(anomaly.session_id), event, ALL_EVENTS):
        items[group].append(payload)


def _groups_of(session_id: int, event_id: int, watched: WatchedGroups) -> list[str]:
    groups = []
    if session_id in watched.session_ids:
        groups.append(session_group(session_id))
    if event_id in watched.event_ids:
        groups.append(event_group(event_id))
    if watched.all_events:
        groups.append(ALL_EVENTS)
    return groups


def _send(kind: str, field: str, items: Items) -> None:
    if items:
        now = milliseconds(timezone.now())
        async_to_sync(_send_all)(
            [Update(kind, group, field, encode_items(some), now) for group, some in items.items()]
        )


async def _send_all(updates: list[Update]) -> None:
    layer = get_channel_layer()
    await asyncio.gather(*(layer.group_send(each.group, each._asdict()) for each in updates))
