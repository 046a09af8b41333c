"""Characters of sessions: a size, habits, and a plan."""

from collections import Counter
from itertools import islice

import pytest

from sessions_app.simulation.live.cast import (
    KEYNOTE,
    MEETUP,
    PANEL,
    TROUBLED,
)
from sessions_app.simulation.live.conference import SessionPlan
from sessions_app.simulation.people.characters import Character, Phase, plan
from tests.sessions_app.simulation.live.observed import (
    SECONDS,
    messages_per_minute,
    present_at,
    simulate,
)


@pytest.mark.parametrize(
    ("character", "people", "chat"),
    [(KEYNOTE, (270, 340), (35, 90)), (PANEL, (48, 60), (0.5, 4)), (MEETUP, (13, 18), (4, 14))],
    ids=lambda value: getattr(value, "key", None),
)
def test_characters_have_their_size_and_liveliness(decoded, character, people, chat):
    assert people[0] <= len(present_at(decoded, character, 120)) <= people[1]
    assert people[0] <= len(present_at(decoded, character, SECONDS)) <= people[1]
    assert chat[0] <= messages_per_minute(decoded, character, 60, SECONDS) <= chat[1]


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
