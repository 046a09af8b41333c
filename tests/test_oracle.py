"""The oracle, verified on examples worked out by hand."""

import math

import pytest

from sessions_app.redis_access import keys
from tests.oracle import Row, expected_rows, score

TICK = 1_000
START_MS = TICK * 5_000


def join(user, session="s"):
    return keys.SYNC_EVENTS, {"type": "user_join", "sessionId": session, "userId": user}


def leave(user, session="s"):
    return keys.LIVE_SYNC, {"type": "user_leave", "sessionId": session, "userId": user}


def chat(message, user="u", session="s"):
    body = {"id": message, "authorId": user}
    return keys.CHAT_MESSAGE, {"sessionId": session, "message": body}


def chat_on_sync(message, user="u", session="s"):
    body = {"id": message, "authorId": user, "sessionId": session}
    return keys.SYNC_EVENTS, {"resource": "MESSAGE", "action": "CREATED", "payload": body}


def reaction(user="u", session="s"):
    return keys.LIVE_REACTION, {"userId": user, "sessionId": session}


def vote(user, poll="p", session="s"):
    return keys.POLL_VOTE, {"userId": user, "pollId": poll, "sessionId": session}


def closed(poll="p", session="s"):
    return keys.POLL_CLOSED, {"pollId": poll, "sessionId": session}


def sign(user, session="s"):
    return keys.SYNC_EVENTS, {"type": "typing", "sessionId": session, "userId": user}


def question(session="s"):
    return keys.SYNC_EVENTS, {"resource": "QUESTION", "payload": {"sessionId": session}}


def end(session="s"):
    return keys.SYNC_EVENTS, {"type": "session_ended", "sessionId": session}


def rows(*events, until=30, session="s"):
    """Rows of a session by tick, relative to the log's start; events are (second, event)."""
    log = [(START_MS + round(second * 1000), *event) for second, event in events]
    return {
        tick - TICK: row
        for (name, tick), row in expected_rows(log, TICK + until).items()
        if name == session
    }


def column(name, *events, until=30):
    found = rows(*events, until=until)
    return [getattr(found[tick], name) for tick in sorted(found)]


def test_rows_begin_with_the_first_event_and_go_on():
    assert sorted(rows((12.5, question()), until=6)) == [2, 3, 4, 5, 6]
    assert rows((0, question()), until=0)[0] == Row(0.0, 0.0, 0.0, 0, 0, 0.0, 0.0, 0, 0, 0, 0, 0)


def test_rows_stop_after_half_an_hour_of_silence():
    found = rows((0, join("u")), (7, question()), until=1000)
    assert sorted(found) == list(range(361))


def test_rows_stop_with_the_tick_of_an_announced_end():
    log = (0, join("a")), (11, end()), (14, leave("a")), (16, leave("b")), (21, end())
    assert column("total_users", *log) == [1, 1, 1]
    assert column("leave_count", *log) == [0, 0, 1]


def test_half_an_hour_after_its_last_event_an_ended_session_starts_again():
    log = (0, join("a")), (1, end()), (1800, leave("b")), (3605, join("c"))
    assert sorted(rows(*log, until=722)) == [0, 721, 722]
    assert sorted(rows(*log[:3], (3600, join("c")), until=722)) == [0]


def test_an_end_alone_begins_nothing():
    assert rows((0, end()), (12, join("a")), until=3).keys() == {2, 3}


def test_sessions_do_not_touch_one_another():
    log = [(0, join("a")), (1, join("b", session="t")), (2, chat("m", session="t"))]
    assert rows(*log, until=0)[0].total_users == 1
    assert rows(*log, until=0, session="t")[0].total_users == 2


def test_a_tick_holds_its_first_millisecond_but_not_its_end():
    chats = column("chat_count", (0, chat("a")), (4.999, chat("b")), (5, chat("c")), until=2)
    assert chats == [2, 1, 0]


def test_a_message_counts_once_for_twelve_ticks():
    log = (0, chat("a")), (0.1, chat_on_sync("a")), (6, chat_on_sync("a")), (6.1, chat("b"))
    assert column("chat_msgs_per_min", *log, until=14) == [1] + [2] * 11 + [1, 0, 0]


def test_every_reaction_counts():
    log = (0, reaction()), (0.1, reaction()), (61, reaction())
    assert column("reactions_per_min", *log, until=13) == [2] * 12 + [1, 1]


def test_users_are_active_while_connected():
    log = (0, join("a")), (2, join("b")), (500, leave("a"))
    active = column("active_users", *log, until=101)
    assert active == [2] * 100 + [1, 1]
    assert column("total_users", *log, until=101) == [2] * 102


@pytest.mark.parametrize("event", [chat("m"), reaction(), vote("u"), sign("u")])
def test_users_who_are_heard_from_are_active_for_twelve_ticks(event):
    assert column("active_users", (0, event), until=13) == [1] * 12 + [0, 0]


def test_a_leave_ends_being_active_at_once_until_heard_from_again():
    log = (0, join("a")), (1, leave("a")), (6, sign("a"))
    assert column("active_users", *log, until=13) == [0] + [1] * 12 + [0]


def test_somebody_known_only_by_a_leave_has_been_there():
    found = rows((0, leave("a")), until=0)[0]
    assert (found.total_users, found.active_users, found.leave_count) == (1, 0, 1)


def test_leaves_count_once_until_the_user_is_heard_from():
    log = (0, leave("a")), (1, leave("a")), (6, leave("a")), (11, sign("a")), (16, leave("a"))
    assert column("leave_count", *log, until=4) == [1, 0, 0, 1, 0]


def test_the_leave_rate_compares_with_those_present_a_minute_ago():
    log = [(0, join(user)) for user in "abcd"] + [(61, leave("a")), (62, leave("b"))]
    # Tick 12 compares with tick 0. From tick 24 on, both leaves are outside the window.
    assert column("user_leave_rate", *log, until=25) == [0] * 12 + [0.5] * 12 + [0, 0]


def test_the_leave_rate_is_zero_where_nobody_was_present_and_one_at_most():
    early = [(0, join("a")), (6, leave("a"))]
    assert column("user_leave_rate", *early, until=12) == [0] * 12 + [1.0]
    crowd = [(0, join("a")), (6, join("b")), (61, leave("a")), (62, leave("b"))]
    assert rows(*crowd, until=12)[12].user_leave_rate == 1.0


def test_somebody_who_leaves_twice_is_one_leaver_since_the_second_time():
    log = [(0, join("a")), (0, join("b")), (61, leave("a")), (66, join("a")), (71, leave("a"))]
    rates = column("user_leave_rate", *log, until=27)
    # In tick 24, the user who was away at the end of tick 12 is not among those present.
    assert rates[12:27] == [0.5] * 12 + [1.0, 0.5, 0.0]


def test_joins_count_where_somebody_was_not_connected_before():
    log = [
        (0, join("a")),
        (1, join("a")),
        (6, join("a")),
        (6, leave("a")),
        (6, join("a")),
        (11, leave("a")),
        (16, join("a")),
        (17, leave("a")),
    ]
    assert column("join_count", *log, until=4) == [1, 0, 0, 1, 0]
    assert column("leave_count", *log, until=4) == [0, 1, 1, 1, 0]


def test_a_poll_is_measured_by_those_active_when_it_opened():
    log = [(0, join(user)) for user in "abcd"]
    log += [(6, vote("a")), (7, vote("a")), (11, vote("b")), (12, join("e"))]
    assert column("poll_participation", *log, until=4) == [0, 0.25, 0.5, 0.5, 0.5]
    assert column("vote_count", *log, until=4) == [0, 1, 1, 0, 0]


def test_participation_is_one_at_most_also_where_the_first_voter_left():
    assert column("poll_participation", (0, vote("a")), (6, vote("b")), until=2) == [1, 1, 1]
    gone = (0, vote("a")), (1, leave("a")), (6, vote("b"))
    assert column("poll_participation", *gone, until=1) == [1, 1]


def test_a_closed_poll_stays_closed():
    log = (0, vote("a")), (6, vote("b")), (7, closed()), (8, vote("c")), (11, vote("d"))
    assert column("poll_participation", *log, until=3) == [1, 0, 0, 0]
    assert column("vote_count", *log, until=3) == [1, 1, 0, 0]
    assert column("active_users", *log, until=3) == [1, 3, 4, 4]


def test_a_poll_closed_in_the_tick_of_its_first_vote_never_opens():
    log = (0, vote("a")), (1, closed()), (6, vote("b"))
    assert column("poll_participation", *log, until=1) == [0, 0]
    assert column("vote_count", *log, until=1) == [1, 0]


def test_of_several_polls_the_highest_participation_counts():
    log = [(0, join(user)) for user in "abcd"]
    log += [(1, vote("a", "p")), (2, vote("a", "q")), (3, vote("b", "q")), (6, closed("q"))]
    assert column("poll_participation", *log, until=1) == [0.5, 0.25]


def test_results_close_a_poll_as_well():
    results = keys.POLL_CLOSED, {"poll": {"id": "p", "sessionId": "s"}, "userVotedForOptionId": 1}
    assert column("poll_participation", (0, vote("a")), (6, results), until=1) == [1, 0]


def test_a_session_that_returns_after_its_end_starts_again():
    found = rows((0, join("a")), (1, chat("m")), (3000, chat("m")), until=600)
    assert max(tick for tick in found if tick < 600) == 359
    assert found[600][1:] == (1.0, 0.0, 1, 1, 0.0, 0.0, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((0, 0, 0, 0, 0, 0), 0.0),
        ((20, 1, 10, 10, 10, 0), 0.9),
        ((200, 1, 10, 10, 60, 0), 0.9),
        ((0, 0, 0, 10, 0, 1), 0.0),
        ((0, 0.4, 0, 10, 0, 0), 0.1),
        ((0, 0, 5, 10, 0, 0.5), 0.075),
        ((9, 0, 0, 0, 0, 0), round(0.3 * math.log(10) / math.log(21), 9)),
        ((0, 0, 0, 0, 3, 0), round(0.1 * math.log(4) / math.log(11), 9)),
    ],
)
def test_score_follows_the_formula(signals, expected):
    assert score(*signals) == expected
