"""Characters that are drawn at random."""

import numpy as np

from sessions_app.simulation.labelled.kinds import KINDS
from sessions_app.simulation.labelled.sessions import (
    draw_character,
)
from sessions_app.ticks import TICK_SECONDS


def test_sessions_differ_widely(sessions):
    labels = [session.labels for session in sessions]
    assert {each.kind for each in labels} == {kind.key for kind in KINDS}
    sizes = [each.size for each in labels]
    assert min(sizes) < 20
    assert max(sizes) > 900
    assert all(8 <= size <= 2000 for size in sizes)
    minutes = [each.ticks * TICK_SECONDS / 60 for each in labels]
    assert min(minutes) < 40
    assert max(minutes) > 90
    chat = [float(np.median(session.signals.chat_msgs_per_min)) for session in sessions]
    assert np.percentile(chat, 10) < 3
    assert np.percentile(chat, 90) > 25
    announced = {draw_character(7, number).character.announced for number in range(40)}
    assert {0.0, 1.0} < announced


def test_what_looks_similar_is_labelled_too(sessions):
    kinds = {part.kind for session in sessions for part in session.labels.negatives}
    assert kinds == {
        "ramp_up",
        "small_room",
        "drift",
        "segment",
        "applause",
        "lull",
        "chat_burst",
        "hiccup",
        "poll",
    }
    for session in sessions:
        for part in (*session.labels.negatives, *session.labels.excused):
            assert 0 <= part.start <= part.end < session.labels.ticks
