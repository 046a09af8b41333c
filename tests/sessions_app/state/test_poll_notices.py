"""What is told of polls, with their names."""

import numpy as np

from sessions_app.events.blocks import PollName
from sessions_app.state.poll_notices import PollMomentKind, PollNotice, poll_notices
from sessions_app.state.polls import Moments

SESSIONS = np.array([70, 71])


def moments(*happened: tuple[int, int, bool, int, int]) -> Moments:
    columns = [np.array(column) for column in zip(*happened, strict=True)]
    return Moments(*columns) if columns else Moments.none()


def test_first_votes_and_closings_have_their_names() -> None:
    told = poll_notices(
        moments((1, 5, False, 3, 40), (0, 6, True, 25, 30)),
        SESSIONS,
        [PollName(5, 105, "lunch?"), PollName(6, 106, "again?")],
    )
    assert told == [
        PollNotice(71, "lunch?", PollMomentKind.FIRST_VOTE, 3, 40),
        PollNotice(70, "again?", PollMomentKind.CLOSED, 25, 30),
    ]


def test_a_poll_is_known_with_and_without_a_key() -> None:
    (told,) = poll_notices(moments((0, 105, True, 1, 1)), SESSIONS, [PollName(5, 105, "lunch?")])
    assert told.poll_id == "lunch?"


def test_a_poll_without_a_name_is_not_told() -> None:
    assert poll_notices(moments((0, 7, True, 1, 1)), SESSIONS, [PollName(5, 105, "x")]) == []
    assert poll_notices(moments(), SESSIONS, []) == []


def test_kinds_have_words_for_people() -> None:
    assert [kind.label for kind in PollMomentKind] == ["First vote", "Closed"]
