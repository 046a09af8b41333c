"""Sessions computed at once: exact signals, and payloads that say what the people do."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from sessions_app.events.decoding import EventKind, decoder
from sessions_app.simulation.labelled.measurement import measure
from sessions_app.simulation.live.cast import KEYNOTE, TROUBLED, WORKSHOP
from sessions_app.simulation.live.payloads import Payloads
from sessions_app.simulation.live.session import LONGEST_SECONDS, SimulatedSession
from sessions_app.simulation.people.characters import Character, Phase, Polls
from sessions_app.simulation.people.crowd import NOBODY, CrowdEvents, simulate_crowd
from sessions_app.ticks import TICK_SECONDS

RESTLESS = Character(
    key="restless",
    title="People who come, go, and are heard of",
    audience=45,
    arrival_s=90,
    chat=0.4,
    reactions=0.2,
    burst=3.0,
    bursts=0.7,
    repeats=False,
    dropouts=0.15,
    announced=0.4,
    signs=2.0,
    polls=Polls(first_s=100, every_s=200, open_s=120, participation=0.6),
    phases=(
        Phase("steady", 240, leaving=0.05, arriving=0.2),
        Phase("hiccup", 60, hiccup=0.4),
        Phase("lull", 90, chat=0.3, applause=0.4),
        Phase("exit", 60, leaving=0.9, arriving=0.0),
        Phase("back", 150, leaving=0.01, arriving=1.0, activity=1.5),
    ),
)
CHARACTERS = (KEYNOTE, WORKSHOP, TROUBLED, RESTLESS)
by_key = pytest.mark.parametrize("character", CHARACTERS, ids=lambda character: character.key)


def seconds_of(character: Character) -> int:
    return int(character.duration_s or 600)


def crowd(character: Character, seed: int) -> CrowdEvents:
    return simulate_crowd(character, seconds_of(character), np.random.default_rng(seed))


def live_events(character: Character, seed: int) -> CrowdEvents:
    """The live simulation of the demo, as the collector understands its payloads."""
    payloads = Payloads("session", "event", "test", 0)
    session = SimulatedSession(character, payloads, 0.0, np.random.default_rng(seed))
    columns: tuple[list, list, list, list] = ([], [], [], [])
    messages: set[int] = set()
    polls: dict[int, int] = {}
    for event in session.advance(seconds_of(character)):
        fact = decoder(event.channel)(msgspec.json.encode(event.payload))
        if fact.kind == EventKind.SESSION_SIGN or fact.subject in messages:
            continue
        if fact.kind == EventKind.CHAT:
            messages.add(fact.subject)
        of_poll = fact.kind in (EventKind.VOTE, EventKind.POLL_CLOSED)
        poll = polls.setdefault(fact.subject, len(polls)) if of_poll else -1
        user = int(fact.user_id.rpartition("-")[2]) if fact.user_id else NOBODY
        for column, value in zip(columns, (event.offset_s, fact.kind, user, poll), strict=True):
            column.append(value)
    time_s, kind, user, poll = columns
    return CrowdEvents(
        np.array(time_s), np.array(kind, dtype=np.uint8), np.array(user), np.array(poll)
    )


def test_a_session_is_the_same_for_the_same_seed():
    first, again, other = crowd(RESTLESS, 1), crowd(RESTLESS, 1), crowd(RESTLESS, 2)
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert len(first.kind) != len(other.kind)


@by_key
def test_events_are_in_order_and_only_those_present_act(character):
    events = crowd(character, 3)
    assert (np.diff(events.time_s) >= 0).all()
    assert events.time_s[0] >= 0
    assert events.time_s[-1] < seconds_of(character)
    present: set[int] = set()
    announced = {
        user for kind, user in zip(events.kind, events.user, strict=True) if kind == EventKind.JOIN
    }
    for kind, user in zip(events.kind, events.user, strict=True):
        if kind == EventKind.JOIN:
            assert user not in present
            present.add(user)
        elif kind == EventKind.LEAVE:
            present.remove(user)
        elif kind == EventKind.REACTION and user in announced:
            assert user in present


@by_key
def test_the_payloads_say_what_the_people_do(character):
    posted = live_events(character, 4)
    seconds = int(character.duration_s or LONGEST_SECONDS)
    drawn = simulate_crowd(character, seconds, np.random.default_rng(4))
    drawn = drawn.chosen(drawn.time_s < seconds_of(character))
    assert len(posted.time_s) > 300
    assert np.array_equal(posted.time_s, drawn.time_s)
    assert np.array_equal(posted.kind, drawn.kind)
    assert np.array_equal(posted.user, drawn.user)
    of_polls = drawn.poll >= 0
    assert np.array_equal(posted.poll >= 0, of_polls)
    # Polls are told apart by opaque identities: the same numbers, in the order of the first event.
    _, first = np.unique(drawn.poll[of_polls], return_index=True)
    order = drawn.poll[of_polls][np.sort(first)]
    assert np.array_equal(order[posted.poll[of_polls]], drawn.poll[of_polls])


def test_unannounced_people_fade_away():
    silent = replace(RESTLESS, announced=0.0, chat=0.0, reactions=0.0, polls=None, dropouts=0.0)
    events = crowd(silent, 1)
    assert set(events.kind.tolist()) == {EventKind.USER_SIGN, EventKind.REACTION}
    signals = measure(events, seconds_of(silent) // TICK_SECONDS)
    assert not np.any(signals.user_leave_rate)
    before, after = np.asarray(signals.active_users)[[77, 96]]
    assert after < 0.85 * before


def test_a_session_may_be_empty():
    nobody = replace(RESTLESS, audience=1, arrival_s=0.0, phases=(Phase("steady", 60),))
    for seed in range(30):
        events = crowd(nobody, seed)
        assert measure(events, 12).total_users[-1] <= 1
