"""The signals of a simulated session, by their definitions."""

import numpy as np
import pytest

from sessions_app.events.decoding import EventKind
from sessions_app.redis_access import keys
from sessions_app.scoring.score import Signals
from sessions_app.simulation.labelled.measurement import measure
from sessions_app.simulation.live.payloads import Payloads
from sessions_app.simulation.people.crowd import CrowdEvents
from sessions_app.ticks import TICK_SECONDS
from tests import oracle
from tests.sessions_app.simulation.people.test_crowd import by_key, crowd, live_events, seconds_of


def payload_log(events: CrowdEvents) -> list[oracle.LoggedEvent]:
    """The events as the platform would have posted them."""
    payloads = Payloads("session", "event", "test", 0)
    log = []
    for number, (time_s, kind, user, poll) in enumerate(zip(*events, strict=True)):
        channel, payload = keys.SYNC_EVENTS, {}
        user_id, poll_id = f"user-{user}", payloads.poll_id(poll)
        if kind == EventKind.CHAT:
            channel = keys.CHAT_MESSAGE
            payload = payloads.chat(payloads.message(number, user_id, 5, time_s))
        elif kind == EventKind.VOTE:
            channel, payload = keys.POLL_VOTE, payloads.vote(poll_id, user_id, 1, time_s)
        elif kind == EventKind.POLL_CLOSED:
            channel, payload = keys.POLL_CLOSED, payloads.poll_closed(poll_id)
        else:
            types = {
                EventKind.JOIN: "user_join",
                EventKind.LEAVE: "user_leave",
                EventKind.REACTION: "reaction",
                EventKind.USER_SIGN: "presence_update",
            }
            payload = payloads.user_event(types[EventKind(kind)], user_id, time_s)
        log.append((int(time_s * 1000), channel, payload))
    return log


@by_key
@pytest.mark.parametrize("source", [crowd, live_events])
def test_signals_are_what_the_specification_says(character, source):
    events, ticks = source(character, 1), seconds_of(character) // TICK_SECONDS
    signals = measure(events, ticks)
    rows = oracle.expected_rows(payload_log(events), ticks - 1)
    first = min(tick for _, tick in rows)
    assert len(rows) == ticks - first
    for name in Signals._fields:
        expected = [0] * first + [
            getattr(rows["session", tick], name) for tick in range(first, ticks)
        ]
        np.testing.assert_allclose(getattr(signals, name), expected, atol=1e-12, err_msg=name)
