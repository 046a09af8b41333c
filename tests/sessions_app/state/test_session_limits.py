"""How many sessions are let in, and which."""

import numpy as np

from sessions_app.events.blocks import Mention
from sessions_app.state.session_limits import Limits, excess_sessions
from sessions_app.state.session_windows import ROW, SessionWindows

KEYS = {"big": 1, "small": 2}


def windows_of(*event_keys: int) -> SessionWindows:
    windows = SessionWindows(100)
    rows = np.zeros(len(event_keys), ROW)
    rows["event_id"] = event_keys
    windows.add_sessions([f"live-{number}" for number in range(len(rows))], rows)
    return windows


def excess(windows: SessionWindows, limits: Limits, *mentions: tuple[str, str | None]) -> set[str]:
    return excess_sessions(
        windows, [Mention(*pair) for pair in mentions], limits, lambda names: pick(names)
    )


def pick(names: set[str]) -> dict[str, int]:
    return {name: key for name, key in KEYS.items() if name in names}


def test_all_are_let_in_while_there_is_room() -> None:
    windows = windows_of(1, 1)
    assert excess(windows, Limits(4, 4), ("a", "big"), ("b", None)) == set()
    assert excess(windows, Limits(4, 4)) == set()


def test_events_are_looked_up_only_if_one_could_be_full() -> None:
    looked_up: list[set[str]] = []

    def keys_of(names: set[str]) -> dict[str, int]:
        looked_up.append(names)
        return pick(names)

    windows = windows_of(1, 1)
    mentions = [Mention("a", "big"), Mention("b", None)]
    assert excess_sessions(windows, mentions, Limits(10, 4), keys_of) == set()
    assert not looked_up
    assert excess_sessions(windows, mentions, Limits(10, 3), keys_of) == set()
    assert looked_up == [{"big"}]


def test_those_that_came_first_take_the_room() -> None:
    windows = windows_of(1, 1)
    limits = Limits(4, 10)
    assert excess(windows, limits, ("a", "big"), ("b", None), ("c", "new"), ("d", None)) == {
        "c",
        "d",
    }


def test_live_sessions_stay_in_a_full_shard() -> None:
    windows = windows_of(1, 1, 2)
    limits = Limits(2, 2)
    assert excess(windows, limits, ("live-0", "big"), ("live-2", "small"), ("a", "new")) == {"a"}


def test_an_event_that_is_full_leaves_room_to_others() -> None:
    windows = windows_of(1, 1, 2)
    limits = Limits(10, 2)
    mentions = [("a", "big"), ("b", "small"), ("c", "small"), ("d", "new"), ("e", "new")]
    assert excess(windows, limits, *mentions, ("f", "new"), ("g", None)) == {"a", "c", "f"}


def test_the_limits_of_all_shards_together_are_those_of_the_settings_or_a_little_more() -> None:
    assert Limits.of_shard(16, 17) == Limits(1, 2)
    assert Limits.of_shard(17, 16) == Limits(2, 1)
    assert Limits.of_shard(250_000, 120_000) == Limits(15_625, 7_500)
