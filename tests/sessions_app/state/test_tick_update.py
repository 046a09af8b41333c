"""One tick of a shard: what happened in it, added to what was known."""

from itertools import count

import numpy as np
import pytest

from sessions_app.events.blocks import COLUMNS, PUBSUB_SOURCE
from sessions_app.events.decoding import EventKind
from sessions_app.state import poll_tables, polls, presence
from sessions_app.state.packed_tables import combine
from sessions_app.state.session_windows import ROW, EndReason, SessionWindows
from sessions_app.state.tick_update import (
    TickUpdate,
    Touched,
    advance,
    choose_identities,
    polled_rows,
    touched_rows,
)
from sessions_app.ticks import WINDOW_TICKS

FIRST = 1_000
JOIN, LEAVE, CHAT = EventKind.JOIN, EventKind.LEAVE, EventKind.CHAT
VOTE, CLOSED, REACTION = EventKind.VOTE, EventKind.POLL_CLOSED, EventKind.REACTION
STREAM, PUBSUB = 0, PUBSUB_SOURCE


class Hall:
    """A shard with two sessions, whose tables are kept from tick to tick."""

    def __init__(self) -> None:
        self.windows = SessionWindows(FIRST)
        rows = np.zeros(2, ROW)
        rows["session_id"] = [11, 12]
        rows["last_seen"] = FIRST
        self.windows.add_sessions(["a", "b"], rows)
        self.seen: list[bytes] = []
        self.tables: dict[str, dict[int, bytes | None]] = {
            name: {} for name in ("presence", "polls", "voters", "votes")
        }
        self.numbers = count(1)

    def tick(
        self,
        *happened: tuple[EventKind, int, int] | tuple[EventKind, int, int, int],
        session: int = 0,
        source: int = STREAM,
    ) -> TickUpdate:
        """Advances by a tick with these events: kind, user, subject, and perhaps a source."""
        events = np.zeros(len(happened), COLUMNS)
        for event, (kind, user, subject, *other) in zip(events, happened, strict=True):
            event["kind"], event["user"], event["subject"] = kind, user, subject
            event["source"], event["session"] = other[0] if other else source, session
            event["order"] = next(self.numbers)
        rows = np.arange(2)
        touched, polled = touched_rows(events, rows), polled_rows(events, rows)

        def stored(name: str, of: np.ndarray) -> list[bytes | None]:
            return [self.tables[name].get(row) for row in of.tolist()]

        update = advance(
            self.windows,
            self.windows.tick + 1,
            events,
            rows,
            Touched(
                touched,
                stored("presence", touched),
                polled,
                stored("polls", polled),
                stored("voters", polled),
                stored("votes", polled),
            ),
            self.seen,
        )
        self.seen.append(update.seen)
        assert update.session_ids.tolist() == [11, 12]
        assert update.touched.rows.tolist() == touched.tolist()
        assert update.touched.polled.tolist() == polled.tolist()
        self.tables["presence"] |= dict(zip(touched.tolist(), update.touched.presence, strict=True))
        self.tables["polls"] |= dict(zip(polled.tolist(), update.touched.polls, strict=True))
        self.tables["voters"] |= dict(zip(polled.tolist(), update.touched.voters, strict=True))
        return update


def signal(hall: Hall, update: TickUpdate, name: str) -> list[float]:
    return [float(value) for value in getattr(update.signals(hall.windows), name)]


def test_a_message_counts_once_in_its_own_session() -> None:
    hall = Hall()
    update = hall.tick((CHAT, 1, 100), (CHAT, 2, 101), (CHAT, 1, 100, PUBSUB))
    assert update.counts.chat_count.tolist() == [2, 0]
    again = hall.tick((CHAT, 1, 100), (CHAT, 3, 102))
    assert again.counts.chat_count.tolist() == [1, 0]
    elsewhere = hall.tick((CHAT, 1, 100), session=1)
    assert elsewhere.counts.chat_count.tolist() == [0, 1]
    assert signal(hall, elsewhere, "chat_msgs_per_min") == [3, 1]


def test_a_reaction_counts_as_often_as_it_is_sent() -> None:
    hall = Hall()
    update = hall.tick((REACTION, 1, 7), (REACTION, 1, 7), (REACTION, 1, 7, PUBSUB))
    assert update.counts.reaction_count.tolist() == [2, 0]
    assert update.counts.chat_count.tolist() == [0, 0]
    assert signal(hall, update, "reactions_per_min") == [2, 0]


def test_a_message_is_no_reaction_with_the_same_identity() -> None:
    update = Hall().tick((CHAT, 1, 7), (REACTION, 1, 7))
    assert (update.counts.chat_count[0], update.counts.reaction_count[0]) == (1, 1)


def test_counts_are_whole_numbers_though_nothing_happens() -> None:
    for happened in ((), ((CHAT, 1, 100), (VOTE, 1, 50))):
        for column in Hall().tick(*happened).counts:
            assert (column.dtype, len(column)) == (np.int64, 2)


def test_what_nobody_did_adds_nobody() -> None:
    hall = Hall()
    update = hall.tick((JOIN, 1, 0), (CHAT, 0, 100), (CLOSED, 0, 50))
    assert signal(hall, update, "total_users") == [1, 0]


def test_who_comes_and_goes_is_counted() -> None:
    hall = Hall()
    update = hall.tick((JOIN, 1, 0), (JOIN, 2, 0), (JOIN, 3, 0))
    assert update.counts.join_count.tolist() == [3, 0]
    assert signal(hall, update, "active_users") == [3, 0]
    assert update.active_before.tolist() == [0, 0]
    for _ in range(WINDOW_TICKS - 1):
        hall.tick()
    update = hall.tick((LEAVE, 2, 0))
    assert update.counts.leave_count.tolist() == [1, 0]
    assert update.active_before.tolist() == [3, 0]
    assert signal(hall, update, "user_leave_rate") == [pytest.approx(1 / 3), 0]
    assert signal(hall, update, "active_users") == [2, 0]
    assert signal(hall, update, "total_users") == [3, 0]


def test_people_of_two_sessions_are_told_apart() -> None:
    hall = Hall()
    hall.tick((JOIN, 1, 0))
    update = hall.tick((JOIN, 1, 0), session=1)
    assert signal(hall, update, "active_users") == [1, 1]


def test_a_poll_has_its_participation_until_it_is_closed() -> None:
    hall = Hall()
    hall.tick((JOIN, 1, 0), (JOIN, 2, 0), (JOIN, 3, 0), (JOIN, 4, 0))
    update = hall.tick((VOTE, 1, 50), (VOTE, 1, 50))
    assert update.counts.vote_count.tolist() == [1, 0]
    assert signal(hall, update, "poll_participation") == [0.25, 0]
    first = update.poll_moments
    assert (first.rows.tolist(), first.polls.tolist(), first.closings.tolist()) == (
        [0],
        [50],
        [False],
    )
    assert (first.voters.tolist(), first.present.tolist()) == ([1], [4])
    update = hall.tick((VOTE, 1, 50), (VOTE, 2, 50))
    assert update.counts.vote_count.tolist() == [1, 0]
    assert signal(hall, update, "poll_participation") == [0.5, 0]
    assert len(update.poll_moments.rows) == 0
    update = hall.tick((CLOSED, 0, 50))
    assert signal(hall, update, "poll_participation") == [0, 0]
    last = update.poll_moments
    assert (last.polls.tolist(), last.closings.tolist(), last.voters.tolist()) == (
        [50],
        [True],
        [2],
    )
    late = hall.tick((VOTE, 3, 50))
    assert (late.late_votes, late.counts.vote_count.tolist()) == (1, [0, 0])


def test_what_is_over_the_limits_is_told(monkeypatch) -> None:
    for module, limit in (
        (presence, "MAXIMUM_USERS"),
        (polls, "MAXIMUM_POLLS"),
        (polls, "MAXIMUM_VOTERS"),
    ):
        monkeypatch.setattr(module, limit, 1)
    hall = Hall()
    hall.windows.rows["forgotten"] = 5
    update = hall.tick((JOIN, 1, 0), (JOIN, 2, 0), (JOIN, 3, 0))
    assert (update.forgotten_users, update.forgotten_voters, update.forgotten_polls) == (2, 0, 0)
    update = hall.tick(*((VOTE, user, 50) for user in (1, 2, 3, 4)))
    assert (update.forgotten_voters, update.forgotten_polls) == (3, 0)
    update = hall.tick((VOTE, 1, 51))
    assert (update.forgotten_voters, update.forgotten_polls) == (0, 1)


def test_votes_of_the_release_before_are_known() -> None:
    hall = Hall()
    hall.tick((JOIN, 1, 0), (JOIN, 2, 0))
    user, poll = (combine(np.array([each], "u8"), np.array([11], "u8")) for each in (1, 50))
    bare = np.array([(poll[0], FIRST, 2, 1, False)], poll_tables.POLL_WITHOUT_SLOT)
    hall.tables["polls"][0] = bare.tobytes()
    ballot = np.array([(poll[0], combine(user, poll)[0])], poll_tables.VOTE)
    hall.tables["votes"][0] = ballot.tobytes()
    update = hall.tick((VOTE, 1, 50), (VOTE, 2, 50))
    assert update.counts.vote_count.tolist() == [1, 0]
    assert signal(hall, update, "poll_participation") == [1, 0]


def test_only_sessions_that_were_heard_of_are_heard_of() -> None:
    hall = Hall()
    hall.tick((EventKind.USER_SIGN, 1, 0))
    assert hall.windows.rows["last_seen"].tolist() == [FIRST + 1, FIRST]


def test_an_end_that_is_announced_is_the_end_of_its_session() -> None:
    hall = Hall()
    hall.windows.rows["end_reason"][1] = EndReason.DELETED
    update = hall.tick((EventKind.SESSION_ENDED, 0, 0), (CHAT, 1, 100))
    assert hall.windows.rows["end_reason"].tolist() == [EndReason.ANNOUNCED, EndReason.DELETED]
    assert update.counts.chat_count.tolist() == [1, 0]
    hall.tick((EventKind.SESSION_ENDED, 0, 0), session=1)
    assert hall.windows.rows["end_reason"][1] == EndReason.DELETED


def test_no_other_session_ends_with_one() -> None:
    hall = Hall()
    hall.tick((CHAT, 1, 100))
    assert not hall.windows.ended_rows().any()
    hall.tick((EventKind.SESSION_ENDED, 0, 0))
    assert hall.windows.ended_rows().tolist() == [True, False]


def test_a_table_that_cannot_be_read_is_told_and_costs_no_other_session() -> None:
    hall = Hall()
    hall.tick((JOIN, 1, 0))
    hall.tick((JOIN, 1, 0), session=1)
    hall.tables["presence"][0] = b"junk"
    update = hall.tick((JOIN, 2, 0))
    assert [(table.kind, table.row, table.data) for table in update.lost] == [
        ("audiences", 0, b"junk")
    ]
    assert hall.tick((JOIN, 2, 0), session=1).lost == []
    hall.seen.append(b"more junk")
    assert [table.row for table in hall.tick((CHAT, 1, 9)).lost] == [-1]


def test_the_tables_that_a_tick_needs() -> None:
    events = np.zeros(5, COLUMNS)
    events["session"] = [0, 1, 2, 3, 3]
    events["user"] = [0, 5, 0, 6, 7]
    events["kind"] = [CHAT, CHAT, CLOSED, VOTE, JOIN]
    rows = np.array([9, 8, 7, 6])
    assert touched_rows(events, rows).tolist() == [6, 7, 8]
    assert polled_rows(events, rows).tolist() == [6, 7]


def test_a_session_keeps_the_identities_that_it_began_with() -> None:
    windows = SessionWindows(FIRST)
    windows.add_sessions(["old", "without", "with"], np.zeros(3, ROW))
    windows.rows["unkeyed"][0] = True
    events = np.zeros(4, COLUMNS)
    events["session"] = [0, 1, 2, 0]
    events["user"], events["unkeyed_user"] = [1, 2, 3, 4], [11, 12, 13, 0]
    events["subject"], events["unkeyed_subject"] = [5, 6, 7, 8], [15, 16, 17, 18]
    events["keyed"] = [True, False, True, True]
    chosen = choose_identities(windows, events, np.arange(3), known=1)
    assert windows.rows["unkeyed"].tolist() == [True, True, False]
    assert chosen["user"].tolist() == [11, 12, 3, 4]
    assert chosen["subject"].tolist() == [15, 16, 7, 18]
    # A session that is known does not change its mind.
    events = np.zeros(1, COLUMNS)
    events["session"], events["unkeyed_user"] = 2, 13
    choose_identities(windows, events, np.arange(3), known=3)
    assert windows.rows["unkeyed"].tolist() == [True, True, False]
