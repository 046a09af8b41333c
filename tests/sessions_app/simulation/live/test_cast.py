"""Who comes and goes in a simulated session."""

from collections import defaultdict

from sessions_app.events.decoding import EventKind
from sessions_app.simulation.live.cast import (
    CHARACTERS,
)
from tests.sessions_app.simulation.live.observed import present_at


def test_people_leave_only_what_they_have_joined(decoded):
    present = defaultdict(set)
    for _, event in decoded:
        if event.kind == EventKind.JOIN:
            assert event.user_id not in present[event.session_id]
            present[event.session_id].add(event.user_id)
        elif event.kind == EventKind.LEAVE:
            present[event.session_id].remove(event.user_id)
    assert any(present.values())


def test_most_people_arrive_in_the_first_minute(decoded):
    for character in CHARACTERS:
        assert len(present_at(decoded, character, 15)) > 0.1 * character.audience
        assert len(present_at(decoded, character, 60)) > 0.75 * character.audience
