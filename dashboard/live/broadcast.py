"""From the scorer to the open pages, through the channel layer."""

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
from anomalies_app.notices import AnomalyNotice
from dashboard.live.messages import Update, encode_items
from dashboard.live.subscriptions import ALL_EVENTS, WatchedGroups, event_group, session_group
from dashboard.pages.payloads import (
    EndedSession,
    anomaly_payload,
    contribution_payloads,
    milliseconds,
    notice_payload,
    poll_payload,
    update_payloads,
)
from sessions_app.models import PollMoment
from sessions_app.scoring.points import SessionPoint
from sessions_app.scoring.score import ScoreSettings, Signals
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Rows that are read and told together: 100 KB at most.
ANOMALIES_AT_ONCE = 100

# What each group is told.
Told = dict[str, list[dict[str, Any]]]


def default_settings(event_id: int) -> ScoreSettings:
    """What an event's sessions are scored with, unless it was edited."""
    return ScoreSettings()


def broadcast_points(
    points: Sequence[SessionPoint],
    watched: WatchedGroups,
    pauses: Mapping[int, str] | None = None,
    settings_of: Callable[[int], ScoreSettings] = default_settings,
) -> None:
    """Sends each watched group all of its points in one message: whole snapshots, never deltas.

    A session's own pages are also told what each score is made of.

    Args:
        pauses: the kind of pause of each session that makes one, by key.
        settings_of: what the sessions of an event, by its key, were scored with.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    told: Told = defaultdict(list)
    for point, update in zip(points, update_payloads(points, pauses or {}), strict=True):
        for group in _groups_of(update["session"], update["event"], watched):
            told[group].append(update)
        if point.session_id in watched.session_ids:
            contributions = contribution_payloads(
                Signals(*astuple(point.signals)), settings_of(point.event_id)
            )
            told[session_group(point.session_id)][-1] = {
                **update,
                "contributions": contributions,
            }
    _send("points", "points", told)


def broadcast_ended(sessions: Sequence[EndedSession], watched: WatchedGroups) -> None:
    """Tells the watched groups which of their sessions are over.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    told: Told = defaultdict(list)
    for session_id, event_id, time in sessions:
        ended = {"session": session_id, "time": milliseconds(time)}
        for group in _groups_of(session_id, event_id, watched):
            told[group].append(ended)
    _send("ended", "sessions", told)


def broadcast_polls(moments: Sequence[PollMoment], watched: WatchedGroups) -> None:
    """Tells the watched pages of sessions which polls had their first vote, or were closed.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    told: Told = defaultdict(list)
    for poll in map(poll_payload, moments):
        if poll["session"] in watched.session_ids:
            told[session_group(poll["session"])].append(poll)
    _send("polls", "polls", told)


def broadcast_notices(notices: Sequence[AnomalyNotice], watched: WatchedGroups) -> None:
    """Sends the watched groups the anomalies that have changed, whole, as they are now.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    told: Told = defaultdict(list)
    for anomaly in map(notice_payload, notices):
        for group in _groups_of(anomaly["session"], anomaly["event"], watched):
            told[group].append(anomaly)
    _send("anomalies", "anomalies", told)


def broadcast_anomalies(anomaly_ids: Sequence[UUID]) -> None:
    """Sends anomalies whose rows have changed to all pages on which they may stand.

    They are those of their sessions and of the events that these belong to when it is sent: rows
    are read a few at a time, right before. One that cannot be told does not stop the others.

    Raises:
        django.db.Error: the database does not answer.
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    for start in range(0, len(anomaly_ids), ANOMALIES_AT_ONCE):
        told: Told = defaultdict(list)
        some = Anomaly.objects.filter(pk__in=anomaly_ids[start : start + ANOMALIES_AT_ONCE])
        for anomaly in some.select_related("session", "acknowledged_by"):
            _tell_of(anomaly, told)
        _send("anomalies", "anomalies", told)


def _tell_of(anomaly: Anomaly, told: Told) -> None:
    try:
        payload = anomaly_payload(anomaly)
    except Exception as error:  # noqa: BLE001 - others can be told
        log_failure(logger, "Pages are not told of an anomaly", error)
        return
    event = event_group(anomaly.session.event_id)
    for group in (session_group(anomaly.session_id), event, ALL_EVENTS):
        told[group].append(payload)


def _groups_of(session_id: int, event_id: int, watched: WatchedGroups) -> list[str]:
    groups = []
    if session_id in watched.session_ids:
        groups.append(session_group(session_id))
    if event_id in watched.event_ids:
        groups.append(event_group(event_id))
    if watched.all_events:
        groups.append(ALL_EVENTS)
    return groups


def _send(kind: str, field: str, told: Told) -> None:
    if told:
        now = milliseconds(timezone.now())
        async_to_sync(_send_all)(
            [Update(kind, group, field, encode_items(items), now) for group, items in told.items()]
        )


async def _send_all(updates: list[Update]) -> None:
    layer = get_channel_layer()
    await asyncio.gather(*(layer.group_send(each.group, each._asdict()) for each in updates))
