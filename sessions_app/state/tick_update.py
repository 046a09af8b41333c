"""The update of a shard by one tick: a pure function of its state and the tick's events."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import PUBSUB_SOURCE
from sessions_app.events.decoding import EventKind
from sessions_app.scoring.score import Signals
from sessions_app.state import deduplication, poll_tables, polls, presence
from sessions_app.state.packed_tables import LostTable, Table, combine, pack_table
from sessions_app.state.session_windows import EndReason, SessionWindows

Counts = NDArray[np.int64]
Blobs = list[bytes | None]


class TickCounts(NamedTuple):
    """What happened in each session during the tick itself."""

    chat_count: Counts
    reaction_count: Counts
    join_count: Counts
    leave_count: Counts
    vote_count: Counts


@dataclass
class Touched:
    """The stored tables of the sessions in which users did something.

    Attributes:
        rows: indexes into the windows, sorted, each once.
        presence: one blob for each of ``rows``; None or empty if there is none.
        polled: those of ``rows`` in which votes were cast or polls closed.
        polls, voters: one blob for each of ``polled``.
        votes: votes stored by an earlier release, for each of ``polled``; no longer written.
    """

    rows: NDArray[np.int64]
    presence: Blobs
    polled: NDArray[np.int64]
    polls: Blobs
    voters: Blobs
    votes: Blobs


class TickUpdate(NamedTuple):
    """The result of a tick.

    Attributes:
        session_ids: database key of each row of the windows in the tick, of those that end with it
            too.
        counts: one element per row.
        active_before: active users of each row 60 s earlier.
        touched: the updated tables.
        seen: encoded identities to keep for deduplication.
        poll_moments: by rows of the windows, with the polls' identities as in the events.
        lost: tables that could not be read.
        forgotten_users: change in the number of users who are counted, but not remembered.
        forgotten_voters: number of new voters beyond the limit, who are not remembered.
        forgotten_polls: number of polls that are no longer remembered.
        late_votes: number of votes cast after their poll was closed.
    """

    session_ids: Counts
    counts: TickCounts
    active_before: Counts
    touched: Touched
    seen: bytes
    poll_moments: polls.Moments
    lost: list[LostTable]
    forgotten_users: int
    forgotten_voters: int
    forgotten_polls: int
    late_votes: int

    def signals(self, windows: SessionWindows) -> Signals:
        """The signals of each row of the updated windows."""
        return windows.signals(self.active_before)


def choose_identities(
    windows: SessionWindows, events: NDArray[np.void], rows: NDArray[np.int64], known: int
) -> NDArray[np.void]:
    """The events, with the kind of identities of their session in ``user`` and ``subject``.

    A session keeps the kind of identities it began with: with or without a key.

    Args:
        windows: rows of new sessions record which kind that is.
        events: array of :data:`sessions_app.events.blocks.COLUMNS`, changed in place.
        rows: index into the windows of each session that column ``session`` points into.
        known: number of rows before the tick; the others are new.
    """
    rows_of = rows[events["session"]]
    windows.rows["unkeyed"][rows_of[(rows_of >= known) & ~events["keyed"]]] = True
    unkeyed = windows.rows["unkeyed"][rows_of]
    for name in ("user", "subject"):
        without = events[f"unkeyed_{name}"]
        chosen = ~events["keyed"] | (unkeyed & (without != 0))
        events[name] = np.where(chosen, without, events[name])
    return events


def touched_rows(events: NDArray[np.void], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sessions whose tables a tick's events need.

    Args:
        events: array of :data:`sessions_app.events.blocks.COLUMNS`.
        rows: index into the windows of each session that column ``session`` points into.
    """
    acting = (events["user"] != 0) | (events["kind"] == EventKind.POLL_CLOSED)
    touched: NDArray[np.int64] = np.unique(rows[events["session"][acting]])
    return touched


def polled_rows(events: NDArray[np.void], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of :func:`touched_rows` whose polls a tick's events need."""
    polled: NDArray[np.int64] = np.unique(rows[events["session"][_of_polls(events)]])
    return polled


def _of_polls(events: NDArray[np.void]) -> NDArray[np.bool_]:
    kinds = events["kind"]
    polled: NDArray[np.bool_] = (kinds == EventKind.VOTE) | (kinds == EventKind.POLL_CLOSED)
    return polled


def advance(
    windows: SessionWindows,
    tick: int,
    events: NDArray[np.void],
    rows: NDArray[np.int64],
    touched: Touched,
    seen: list[bytes],
) -> TickUpdate:
    """Advances the windows to ``tick``.

    All events of the tick in which a session's end is announced still count, in any order.

    Args:
        windows: changed in place.
        tick: the one after ``windows.tick``.
        events: the tick's events, of :data:`sessions_app.events.blocks.COLUMNS`.
        rows: index into the windows of each session that column ``session`` points into.
        touched: the tables of the sessions of :func:`touched_rows` and :func:`polled_rows`.
        seen: ``TickUpdate.seen`` of the last ticks.
    """
    forgotten_before = int(windows.rows["forgotten"].sum())
    active_before = windows.open_tick(tick)
    rows_of = rows[events["session"]]
    _note_signs_of_life(windows, tick, events, rows_of)
    members, subjects = _identities(windows, events, rows_of)
    seen_before, lost_seen = deduplication.unpack(seen)
    chat, reactions, newly_seen = _count_messages(windows, events, rows_of, subjects, seen_before)
    users, stored, lost_tables = _unpacked(touched, windows, tick)
    users, movements = _fold_presence(windows, tick, events, rows_of, members, touched, users)
    windows.close_tick()
    folded = _fold_polls(windows, tick, events, rows_of, members, subjects, touched, stored)
    return TickUpdate(
        session_ids=windows.rows["session_id"].copy(),
        counts=TickCounts(
            chat_count=chat,
            reaction_count=reactions,
            join_count=movements.joined,
            leave_count=movements.left,
            vote_count=folded.voters,
        ),
        active_before=active_before,
        touched=_packed(touched, users, folded.tables),
        seen=deduplication.pack(newly_seen),
        poll_moments=folded.moments,
        lost=[*lost_seen, *lost_tables],
        forgotten_users=int(windows.rows["forgotten"].sum()) - forgotten_before,
        forgotten_voters=folded.forgotten_voters,
        forgotten_polls=folded.forgotten_polls,
        late_votes=folded.late_votes,
    )


def _unpacked(
    touched: Touched, windows: SessionWindows, tick: int
) -> tuple[Table, poll_tables.PollTables, list[LostTable]]:
    """The tables of the touched sessions, and what could not be read of them."""
    users, lost = presence.unpack(touched.rows, touched.presence, windows.rows, tick)
    stored, lost_polls = poll_tables.unpack(
        touched.polled, touched.polls, touched.voters, touched.votes, users
    )
    return users, stored, [*lost, *lost_polls]


def _note_signs_of_life(
    windows: SessionWindows, tick: int, events: NDArray[np.void], rows_of: NDArray[np.int64]
) -> None:
    """Notes which sessions were heard of, and which of them were said to be over."""
    windows.rows["last_seen"][rows_of] = tick
    ended = rows_of[events["kind"] == EventKind.SESSION_ENDED]
    windows.rows["end_reason"][ended] = np.maximum(
        windows.rows["end_reason"][ended], EndReason.ANNOUNCED
    )


def _identities(
    windows: SessionWindows, events: NDArray[np.void], rows_of: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Users (0 where there is none) and subjects of events, each unlike those of other sessions."""
    salts = windows.rows["session_id"].astype(np.uint64)[rows_of]
    members = np.where(events["user"] != 0, combine(events["user"], salts), 0).astype(np.uint64)
    return members, combine(events["subject"], salts)


def _count_messages(
    windows: SessionWindows,
    events: NDArray[np.void],
    rows_of: NDArray[np.int64],
    subjects: NDArray[np.uint64],
    seen: NDArray[np.void],
) -> tuple[Counts, Counts, NDArray[np.void]]:
    """Adds chat messages and reactions to the windows; returns both counts, and records to keep."""
    chosen = np.isin(events["kind"], (EventKind.CHAT, EventKind.REACTION))
    kinds = events["kind"][chosen]
    arrivals = deduplication.Arrivals(
        combine(subjects[chosen], kinds.astype(np.uint64)),
        events["source"][chosen] >= PUBSUB_SOURCE,
        kinds == EventKind.REACTION,
    )
    once = deduplication.count_once(arrivals, seen)
    kinds, rows = kinds[once.first], rows_of[chosen][once.first]
    counts = []
    for kind, name in ((EventKind.CHAT, "chat"), (EventKind.REACTION, "reactions")):
        of_kind = kinds == kind
        count = np.zeros(len(windows), dtype=np.int64)
        np.add.at(count, rows[of_kind], once.counts[of_kind])
        windows.rows[name][:, windows.tick % windows.rows[name].shape[1]] = count
        counts.append(count)
    return counts[0], counts[1], deduplication.seen_records(arrivals)


def _fold_presence(
    windows: SessionWindows,
    tick: int,
    events: NDArray[np.void],
    rows_of: NDArray[np.int64],
    members: NDArray[np.uint64],
    touched: Touched,
    table: Table,
) -> tuple[Table, presence.Movements]:
    acting = members != 0
    movements = presence.Movements.none(len(windows))
    if acting.any():
        acts = presence.UserEvents(
            rows_of[acting], members[acting], events["kind"][acting], events["order"][acting]
        )
        table, movements = presence.fold(table, acts, tick, len(windows))
        table = presence.forget_absent(table, windows.rows)
    presence.summarise(table, windows.rows, touched.rows, tick)
    return table, movements


def _fold_polls(
    windows: SessionWindows,
    tick: int,
    events: NDArray[np.void],
    rows_of: NDArray[np.int64],
    members: NDArray[np.uint64],
    subjects: NDArray[np.uint64],
    touched: Touched,
    tables: poll_tables.PollTables,
) -> polls.Folded:
    chosen = _of_polls(events)
    if not chosen.any():
        return polls.Folded.unchanged(tables, len(windows))
    poll_events = polls.PollEvents(
        rows_of[chosen],
        subjects[chosen],
        members[chosen],
        events["kind"][chosen],
        events["order"][chosen],
    )
    folded = polls.fold(tables, poll_events, tick, windows.active_users())
    highest = polls.participation(folded.tables, len(windows))
    windows.rows["participation"][touched.polled] = highest[touched.polled]
    mentioned, first = np.unique(poll_events.polls, return_index=True)
    of_moments = first[np.searchsorted(mentioned, folded.moments.polls)]
    subjects_of_moments = events["subject"][chosen][of_moments]
    return folded._replace(moments=folded.moments._replace(polls=subjects_of_moments))


def _packed(touched: Touched, users: Table, tables: poll_tables.PollTables) -> Touched:
    return replace(
        touched,
        presence=[*pack_table(users, touched.rows, presence.FORM)],
        polls=[*pack_table(tables.polls, touched.polled, poll_tables.POLL_FORM)],
        voters=[*pack_table(tables.voters, touched.polled, poll_tables.VOTER_FORM)],
    )
