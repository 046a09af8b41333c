"""The simulated conference: the same for each seed, in order, of the platform's shapes."""

from collections import Counter, defaultdict
from itertools import islice, pairwise

import msgspec
import pytest

from sessions_app.events.decoding import EventKind, decoder
from sessions_app.redis_access import keys
from sessions_app.simulation.live.cast import (
    CHARACTERS,
    KEYNOTE,
    MEETUP,
    PANEL,
    TROUBLED,
    WORKSHOP,
)
from sessions_app.simulation.live.conference import Conference, SessionPlan
from sessions_app.simulation.people.characters import Character, Phase, plan

SECONDS = 900


def simulate(seed: int = 1, characters=CHARACTERS, seconds: float | None = SECONDS, **options):
    return Conference(characters, "event", seed, **options).events(seconds)


@pytest.fixture(scope="module")
def conference():
    return list(simulate())


@pytest.fixture(scope="module")
def decoded(conference):
    """(seconds, event) of every payload, read as the collector reads them."""
    return [
        (each.offset_s, decoder(each.channel)(msgspec.json.encode(each.payload)))
        for each in conference
    ]


def of(decoded, character: Character, *kinds: EventKind, run: int = 1):
    session_id = f"event-{character.key}-{run}"
    return [
        (time_s, event)
        for time_s, event in decoded
        if event.session_id == session_id and (not kinds or event.kind in kinds)
    ]


def messages_per_minute(decoded, character: Character, start_s: float, end_s: float) -> float:
    messages = {
        event.subject
        for time_s, event in of(decoded, character, EventKind.CHAT)
        if start_s <= time_s < end_s
    }
    return len(messages) / (end_s - start_s) * 60


def present_at(decoded, character: Character, end_s: float) -> set[str]:
    present = set()
    for time_s, event in of(decoded, character, EventKind.JOIN, EventKind.LEAVE):
        if time_s < end_s:
            change = present.add if event.kind == EventKind.JOIN else present.discard
            change(event.user_id)
    return present


def test_events_are_the_same_for_the_same_seed(conference):
    assert list(simulate()) == conference
    assert list(simulate(seed=2)) != conference


def test_a_session_does_not_depend_on_the_others():
    alone = list(simulate(characters=(PANEL,), seconds=120))
    among = [event for event in simulate(seconds=120) if PANEL.key in str(event.payload)]
    assert alone == among


def test_events_come_in_the_order_of_time_and_end_in_time(conference):
    assert all(first.offset_s <= second.offset_s for first, second in pairwise(conference))
    assert 0 <= conference[0].offset_s < 2
    assert SECONDS - 5 < conference[-1].offset_s < SECONDS


def test_events_stop_within_a_second():
    assert max(event.offset_s for event in simulate(seconds=12.5)) < 12.5


def test_events_are_endless_without_a_duration():
    longer = list(islice(simulate(seconds=None), 20_000))
    assert longer[-1].offset_s > SECONDS


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


def test_people_leave_only_what_they_have_joined(decoded):
    present = defaultdict(set)
    for _, event in decoded:
        if event.kind == EventKind.JOIN:
            assert event.user_id not in present[event.session_id]
            present[event.session_id].add(event.user_id)
        elif event.kind == EventKind.LEAVE:
            present[event.session_id].remove(event.user_id)
    assert any(present.values())


@pytest.mark.parametrize(
    ("character", "people", "chat"),
    [(KEYNOTE, (270, 340), (35, 90)), (PANEL, (48, 60), (0.5, 4)), (MEETUP, (13, 18), (4, 14))],
    ids=lambda value: getattr(value, "key", None),
)
def test_characters_have_their_size_and_liveliness(decoded, character, people, chat):
    assert people[0] <= len(present_at(decoded, character, 120)) <= people[1]
    assert people[0] <= len(present_at(decoded, character, SECONDS)) <= people[1]
    assert chat[0] <= messages_per_minute(decoded, character, 60, SECONDS) <= chat[1]


def test_most_people_arrive_in_the_first_minute(decoded):
    for character in CHARACTERS:
        assert len(present_at(decoded, character, 15)) > 0.1 * character.audience
        assert len(present_at(decoded, character, 60)) > 0.75 * character.audience


def test_the_keynote_is_applauded(decoded):
    reactions = [time_s for time_s, _ in of(decoded, KEYNOTE, EventKind.REACTION)]

    def rate(start_s: float, end_s: float) -> float:
        return sum(start_s <= time_s < end_s for time_s in reactions) / (end_s - start_s)

    applause = next(each for each in plan(KEYNOTE, 0) if each.phase.kind == "applause")
    assert rate(applause.start_s, applause.start_s + 10) > 10 * rate(100, 160)


def test_the_keynote_chats_in_bursts(decoded):
    def spread(character: Character) -> float:
        per_second = Counter(int(time_s) for time_s, _ in of(decoded, character, EventKind.CHAT))
        counts = [per_second[second] for second in range(60, SECONDS)]
        mean = sum(counts) / len(counts)
        return sum((count - mean) ** 2 for count in counts) / len(counts) / mean

    assert spread(KEYNOTE) > 1.5


def test_the_workshop_votes_and_closes_its_polls(decoded):
    voters, closed_s, opened_s = defaultdict(set), {}, {}
    for time_s, event in of(decoded, WORKSHOP, EventKind.VOTE, EventKind.POLL_CLOSED):
        if event.kind == EventKind.VOTE:
            assert event.subject not in closed_s
            opened_s.setdefault(event.subject, time_s)
            voters[event.subject].add(event.user_id)
        else:
            closed_s[event.subject] = time_s
    assert len(closed_s) == 6
    assert min(opened_s.values()) < 60
    for poll, closed in closed_s.items():
        assert 75 < closed - opened_s[poll] <= 90
        assert 0.5 < len(voters[poll]) / WORKSHOP.audience < 0.8


def test_the_troubled_session_starts_well_falls_silent_and_empties(decoded):
    assert messages_per_minute(decoded, TROUBLED, 60, 150) > 15
    assert messages_per_minute(decoded, TROUBLED, 155, 195) < 6
    before, after = (len(present_at(decoded, TROUBLED, time_s)) for time_s in (195, 285))
    assert before > 100
    assert after < 0.45 * before


def test_the_troubled_session_ends_and_starts_over(decoded):
    end_s = TROUBLED.duration_s
    assert not present_at(decoded, TROUBLED, SECONDS)
    assert max(time_s for time_s, _ in of(decoded, TROUBLED)) < end_s + 15
    again = of(decoded, TROUBLED, run=2)
    assert end_s + 30 < again[0][0] < end_s + 60
    assert 10 * 60 < again[0][0] < 15 * 60


def test_sessions_are_announced_before_their_first_event():
    opened: dict[str, SessionPlan] = {}

    def note(session: SessionPlan) -> None:
        opened[session.session_id] = session

    for event in simulate(opened=note, first_runs={PANEL.key: 7}):
        body = event.payload
        inner = body.get("payload") or body.get("poll") or body
        assert body.get("sessionId", inner.get("sessionId")) in opened
    assert set(opened) == {
        "event-keynote-1",
        "event-panel-7",
        "event-workshop-1",
        "event-product-launch-1",
        "event-product-launch-2",
        "event-meetup-1",
    }
    assert opened["event-product-launch-1"].title == TROUBLED.title
    assert opened["event-product-launch-2"].title == f"{TROUBLED.title} (2)"


def test_a_plan_lists_its_phases_as_data():
    session = SessionPlan("id", "title", TROUBLED, 1, 100.0)
    phases = [(each.start_s, each.end_s, each.phase.kind) for each in session.phases()]
    assert phases == [
        (100, 145, "opening"),
        (145, 250, "steady"),
        (250, 295, "silence"),
        (295, 385, "mass_exit"),
        (385, 820, "deserted"),
    ]


def test_a_plan_that_repeats_leaves_out_its_opening():
    kinds = [each.phase.kind for each in islice(plan(MEETUP, 0), 5)]
    assert kinds == ["opening", "steady", "lull", "steady", "lull"]


def test_a_new_character_is_only_data():
    silent = Character(
        key="silent",
        title="Nobody speaks",
        audience=5,
        arrival_s=10,
        chat=0,
        reactions=0,
        phases=(Phase("steady", 60, leaving=0),),
        dropouts=0,
    )
    kinds = Counter(
        event.payload.get("type") for event in simulate(characters=(silent,), seconds=30)
    )
    assert kinds["user_join"] > 0
    assert kinds["user_leave"] == 0
    assert set(kinds) <= {"user_join", "presence_update", "typing"}
