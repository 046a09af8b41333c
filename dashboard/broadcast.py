"""From the scorer to the open pages, through the channel layer."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from anomalies_app.models import Anomaly
from anomalies_app.results import AnomalyNotice
from dashboard.explaining import contribution_payloads
from dashboard.payloads import (
    EndedSession,
    anomaly_payload,
    milliseconds,
    notice_payload,
    poll_payload,
    update_payloads,
)
from dashboard.updates import Update, encode_items
from dashboard.watching import ALL_EVENTS, WatchedGroups, event_group, session_group
from sessions_app.models import PollMoment
from sessions_app.results import SessionPoint
from sessions_app.scoring import ScoreSettings, Signals

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
                Signals(**update["signals"]), settings_of(point.event_id)
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


def broadcast_anomaly(anomaly: Anomaly) -> None:
    """Sends an anomaly whose row has changed to all pages on which it may stand.

    They are those of its session and of the event that its session belongs to now.

    Raises:
        redis.RedisError, OSError: the channel layer cannot be reached.
    """
    event = event_group(anomaly.session.event_id)
    groups = (session_group(anomaly.session_id), event, ALL_EVENTS)
    _send("anomalies", "anomalies", {group: [anomaly_payload(anomaly)] for group in groups})


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
