"""What happens in a simulated session."""

from collections import Counter, defaultdict

from sessions_app.events.decoding import EventKind
from sessions_app.simulation.live.cast import (
    KEYNOTE,
    PANEL,
    TROUBLED,
    WORKSHOP,
)
from sessions_app.simulation.people.characters import Character, plan
from tests.sessions_app.simulation.live.observed import (
    SECONDS,
    messages_per_minute,
    of,
    present_at,
    simulate,
)


def test_a_session_does_not_depend_on_the_others():
    alone = list(simulate(characters=(PANEL,), seconds=120))
    among = [event for event in simulate(seconds=120) if PANEL.key in str(event.payload)]
    assert alone == among


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
