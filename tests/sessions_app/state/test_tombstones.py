"""What is heard of sessions that are over: noted, and otherwise left out."""

import numpy as np

from sessions_app.events.blocks import COLUMNS, Mention
from sessions_app.events.decoding import EventKind
from sessions_app.events.merging import TickEvents
from sessions_app.state.session_windows import ROW, SessionWindows, Tombstone
from sessions_app.state.tombstones import unknown_ends, without_sessions, without_tombstoned
from sessions_app.ticks import SILENCE_TICKS


def happened(*events: tuple[str, EventKind]) -> TickEvents:
    names = list(dict.fromkeys(name for name, _ in events))
    columns = np.zeros(len(events), COLUMNS)
    columns["session"] = [names.index(name) for name, _ in events]
    columns["kind"] = [kind for _, kind in events]
    return TickEvents([Mention(name, None) for name in names], columns)


def spelled_out(what: TickEvents) -> list[tuple[str, EventKind]]:
    return [
        (what.mentions[session].session_id, EventKind(kind))
        for session, kind in what.events[["session", "kind"]].tolist()
    ]


def test_events_of_buried_sessions_are_left_out_and_noted() -> None:
    windows = SessionWindows(100, tombstones={"a": Tombstone(1, 90), "c": Tombstone(3, 91)})
    chat, leave = EventKind.CHAT, EventKind.LEAVE
    rest = without_tombstoned(
        windows, 101, happened(("a", leave), ("b", chat), ("a", chat), ("d", leave), ("b", leave))
    )
    assert spelled_out(rest) == [("b", chat), ("d", leave), ("b", leave)]
    assert [mention.session_id for mention in rest.mentions] == ["b", "d"]
    assert windows.tombstones == {"a": Tombstone(1, 101), "c": Tombstone(3, 91)}


def test_a_session_is_dug_out_after_half_an_hour() -> None:
    last_seen = 1000
    for tick, expected in ((last_seen + SILENCE_TICKS, 0), (last_seen + SILENCE_TICKS + 1, 1)):
        windows = SessionWindows(tick - 1, tombstones={"a": Tombstone(1, last_seen)})
        rest = without_tombstoned(windows, tick, happened(("a", EventKind.CHAT)))
        assert len(rest.events) == expected


def test_nothing_but_the_end_is_known_of_strangers() -> None:
    windows = SessionWindows(100)
    windows.add_sessions(["known"], np.zeros(1, ROW))
    end, chat = EventKind.SESSION_ENDED, EventKind.CHAT
    what = happened(("known", end), ("new", chat), ("new", end), ("gone", end), ("other", chat))
    assert unknown_ends(windows, what) == {"gone"}
    assert unknown_ends(windows, happened(("new", chat))) == set()
    assert unknown_ends(windows, happened()) == set()


def test_without_anybody_nothing_is_left() -> None:
    what = happened(("a", EventKind.CHAT), ("b", EventKind.CHAT))
    assert without_sessions(what, []) is what
    rest = without_sessions(what, ["a", "b"])
    assert (rest.mentions, len(rest.events)) == ([], 0)
