"""Payloads of the simulation, in the platform's shapes."""

from collections import Counter, defaultdict

import pytest

from sessions_app.events.decoding import EventKind
from sessions_app.redis_access import keys
from sessions_app.simulation.live.cast import (
    MEETUP,
    WORKSHOP,
)
from tests.sessions_app.simulation.live.observed import simulate


def test_every_channel_and_kind_is_used(conference, decoded):
    assert {event.channel for event in conference} == set(keys.CHANNELS)
    assert {event.kind for _, event in decoded} == set(EventKind)
    types = {event.payload.get("type") for event in conference}
    assert types >= {"user_join", "user_leave", "reaction", "emoji", "typing", "presence_update"}


def test_both_forms_of_a_closed_poll_are_used():
    closed = [
        event.payload
        for event in simulate(characters=(WORKSHOP,), seconds=3600)
        if event.channel == keys.POLL_CLOSED
    ]
    assert {"poll" in payload for payload in closed} == {True, False}


def test_messages_come_on_both_channels_with_one_id(conference):
    channels = defaultdict(list)
    for event in conference:
        if event.channel == keys.CHAT_MESSAGE:
            channels[event.payload["message"]["id"]].append(event.channel)
        elif "MESSAGE" in event.payload.values():
            channels[event.payload["payload"]["id"]].append(event.channel)
    routes = Counter(tuple(sorted(route)) for route in channels.values())
    total = sum(routes.values())
    # A message whose second copy falls after the end adds a little to the first of these.
    assert routes.pop((keys.CHAT_MESSAGE,)) / total == pytest.approx(0.3, abs=0.05)
    assert routes.pop((keys.CHAT_MESSAGE, keys.SYNC_EVENTS)) / total == pytest.approx(0.6, abs=0.05)
    assert routes.pop((keys.SYNC_EVENTS,)) / total == pytest.approx(0.1, abs=0.05)
    assert not routes


def test_message_ids_differ_between_sessions_and_namespaces():
    def ids(**options):
        return {
            event.payload["message"]["id"]
            for event in simulate(**options)
            if event.channel == keys.CHAT_MESSAGE
        }

    events = [event for event in simulate() if event.channel == keys.CHAT_MESSAGE]
    assert len(ids()) == len(events)
    assert not ids(namespace="a") & ids(namespace="b")


def test_timestamps_follow_the_epoch():
    for event in simulate(characters=(MEETUP,), seconds=60, epoch_ms=5_000_000):
        if event.channel == keys.LIVE_REACTION:
            assert event.payload["timestamp"] == 5_000_000 + round(event.offset_s * 1000)
