"""Windows of a shard's sessions."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.state.session_windows import (
    ROW,
    EndReason,
    SessionWindows,
    Tombstone,
    UnknownStateError,
    stored_version,
)
from sessions_app.ticks import SILENCE_TICKS, WINDOW_TICKS


def windows_at(tick: int, *external_ids: str) -> SessionWindows:
    windows = SessionWindows(tick)
    rows = np.zeros(len(external_ids), ROW)
    rows["session_id"] = np.arange(1, len(external_ids) + 1)
    rows["last_seen"] = tick
    windows.add_sessions(list(external_ids), rows)
    return windows


def test_what_happened_falls_out_after_a_minute_though_nothing_else_happens() -> None:
    windows = windows_at(100, "a")
    before = windows.open_tick(101)
    windows.rows["chat"][:, 101 % WINDOW_TICKS] = 7
    windows.close_tick()
    rates = [float(windows.signals(before).chat_msgs_per_min[0])]
    for tick in range(102, 115):
        before = windows.open_tick(tick)
        windows.close_tick()
        rates.append(float(windows.signals(before).chat_msgs_per_min[0]))
    assert rates == [7.0] * 12 + [0.0] * 2


def test_leave_rate_is_over_those_present_a_minute_ago() -> None:
    windows = windows_at(0, "a")
    for tick in range(1, 15):
        before = windows.open_tick(tick)
        windows.rows["connected"] = 50 if tick < 5 else 40
        if tick == 14:
            windows.rows["departures"][:, tick % WINDOW_TICKS] = 10
        windows.close_tick()
    assert before.tolist() == [50]
    assert windows.signals(before).user_leave_rate.tolist() == [0.2]


def test_leave_rate_is_at_most_one() -> None:
    windows = windows_at(0, "a", "b", "c", "d")
    windows.rows["departures"][:, :2] = [[0, 1], [1, 1], [0, 0], [1, 2]]
    rates = windows.signals(np.array([1, 4, 1, 2])).user_leave_rate
    assert rates.tolist() == [1.0, 0.5, 0.0, 1.0]


def test_each_session_has_its_own_signals() -> None:
    windows = windows_at(0, "a", "b")
    before = windows.open_tick(1)
    windows.rows["connected"], windows.rows["total"] = [3, 1], [9, 8]
    windows.rows["recent"][:, :2] = [[1, 2], [0, 4]]
    windows.rows["reactions"][:, :2] = [[5, 6], [7, 0]]
    windows.rows["chat"][:, :2] = [[1, 1], [0, 3]]
    windows.rows["participation"] = [0.5, 0.25]
    windows.close_tick()
    signals = {name: column.tolist() for name, column in windows.signals(before)._asdict().items()}
    assert signals == {
        "chat_msgs_per_min": [2.0, 3.0],
        "poll_participation": [0.5, 0.25],
        "active_users": [6, 5],
        "total_users": [9, 8],
        "reactions_per_min": [11.0, 7.0],
        "user_leave_rate": [0.0, 0.0],
    }


def test_leave_rate_of_a_session_younger_than_a_minute_is_zero() -> None:
    windows = windows_at(0, "a")
    before = windows.open_tick(1)
    windows.rows["departures"][:, 1] = 3
    windows.close_tick()
    assert windows.signals(before).user_leave_rate.tolist() == [0.0]


def test_ticks_must_follow_each_other() -> None:
    with pytest.raises(ValueError, match="tick 12 does not follow 10"):
        windows_at(10, "a").open_tick(12)


@given(st.integers(1, 500))
def test_skipping_equals_that_many_empty_ticks(gap: int) -> None:
    skipped, walked = windows_at(50, "a"), windows_at(50, "a")
    for windows in (skipped, walked):
        windows.rows["chat"] = np.arange(WINDOW_TICKS)
        windows.rows["connected"] = 3
    skipped.skip_to(50 + gap)
    for tick in range(51, 51 + gap):
        walked.open_tick(tick)
        walked.close_tick()
    assert skipped.tick == walked.tick
    walked.rows["last_seen"] += gap
    assert skipped.rows.tobytes() == walked.rows.tobytes()


def test_ticks_that_nobody_listened_to_are_no_evidence_of_silence() -> None:
    windows = windows_at(1000, "a")
    windows.tombstones["b"] = Tombstone(2, 990)
    windows.tick = 1010
    windows.skip_to(1010 + SILENCE_TICKS)
    assert not windows.silent_rows().any()
    windows.forget_tombstones()
    assert windows.tombstones == {"b": Tombstone(2, 990 + SILENCE_TICKS)}
    windows.tick += SILENCE_TICKS - 10
    assert windows.silent_rows().all()


def test_a_session_is_over_after_half_an_hour_of_silence() -> None:
    windows = windows_at(1000, "quiet", "lively")
    windows.tick = 1000 + SILENCE_TICKS
    windows.rows["last_seen"][1] = windows.tick
    assert windows.remove_ended().tolist() == [1]
    assert not windows.tombstones
    assert windows.external_ids == ["lively"]
    assert len(windows) == 1


def test_only_an_announced_end_leaves_a_tombstone() -> None:
    windows = windows_at(1000, "ended", "live", "deleted", "quiet")
    windows.rows["last_seen"][3] = 1000 - SILENCE_TICKS
    windows.rows["end_reason"] = [
        EndReason.ANNOUNCED,
        EndReason.NOT_YET,
        EndReason.DELETED,
        EndReason.NOT_YET,
    ]
    assert windows.unscored_rows().tolist() == [False, False, True, True]
    assert windows.remove_ended().tolist() == [1, 3, 4]
    assert windows.external_ids == ["live"]
    assert windows.rows["session_id"].tolist() == [2]
    assert windows.tombstones == {"ended": Tombstone(1, 1000)}


def test_a_tombstone_goes_after_half_an_hour_of_silence() -> None:
    windows = windows_at(1000)
    windows.tombstones = {"a": Tombstone(1, 1000), "b": Tombstone(2, 1001)}
    windows.tick = 1000 + SILENCE_TICKS
    windows.forget_tombstones()
    assert windows.tombstones == {"b": Tombstone(2, 1001)}


def test_state_survives_its_bytes() -> None:
    windows = windows_at(77, "a", "ü")
    windows.rows["chat"][1, 3] = 9
    windows.tombstones["b"] = Tombstone(9, 70)
    windows.epoch = "e1"
    again = SessionWindows.from_bytes(windows.to_bytes())
    assert (again.tick, again.external_ids) == (77, ["a", "ü"])
    assert again.rows.tobytes() == windows.rows.tobytes()
    assert again.tombstones == windows.tombstones
    assert (again.epoch, again.version) == ("e1", 3)


def test_the_bytes_are_those_that_are_stored() -> None:
    windows = windows_at(77, "a")
    windows.tombstones["b"] = Tombstone(9, 70)
    windows.epoch = "e1"
    stored = windows.to_bytes()
    assert stored[:5] == b"\x96\x03\x4d\x91\xa1"
    assert msgspec.msgpack.decode(stored) == [
        *(3, 77, ["a"], windows.rows.tobytes(), {"b": [9, 70]}, "e1")
    ]


@pytest.mark.parametrize(
    ("beginning", "version"),
    [
        (b"\x96\x03", 3),
        (b"\x95\x02\xce", 2),
        (b"\x9f\x7f", 127),
        (b"\x96\x80", None),
        (b"\x86\x03", None),
        (b"\x96", None),
        (b"", None),
    ],
)
def test_the_version_is_told_by_the_first_bytes(beginning: bytes, version: int | None) -> None:
    assert stored_version(beginning) == version


def test_sessions_are_added_behind_the_others() -> None:
    windows = windows_at(77, "a", "b")
    rows = np.zeros(1, ROW)
    rows["session_id"] = 9
    windows.add_sessions(["c"], rows)
    assert windows.external_ids == ["a", "b", "c"]
    assert windows.rows["session_id"].tolist() == [1, 2, 9]


def test_sessions_whose_identities_have_no_key() -> None:
    windows = windows_at(77, "a", "b", "c")
    windows.rows["unkeyed"] = [True, False, True]
    assert windows.unkeyed_sessions().tolist() == [1, 3]


def test_windows_of_the_version_before_are_read() -> None:
    windows = windows_at(77, "a", "b")
    windows.rows["chat"][1, 3] = 5
    windows.rows["participation"] = 0.25
    before = np.dtype([(name, ROW[name]) for name in ROW.names[:-2]])
    rows = np.zeros(2, before)
    for name in before.names:
        rows[name] = windows.rows[name]
    stored = (2, 77, ["a", "b"], rows.tobytes(), {"c": (3, 70)})
    again = SessionWindows.from_bytes(msgspec.msgpack.encode(stored))
    windows.rows["unkeyed"] = True
    assert (again.tick, again.external_ids) == (77, ["a", "b"])
    assert (again.epoch, again.version) == ("", 2)
    assert again.rows.tobytes() == windows.rows.tobytes()
    assert again.tombstones == {"c": Tombstone(3, 70)}
    assert SessionWindows.from_bytes(again.to_bytes()).rows.tobytes() == again.rows.tobytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"junk", "Expected `array`"),
        (b"\x94\x63\x01\x90\xc4\x00", "length 5"),
        (msgspec.msgpack.encode((99, 1, [], b"", {}, "")), "windows of version 99"),
        (msgspec.msgpack.encode((3, 1, ["a"], b"", {}, "")), "windows of version 3"),
    ],
)
def test_unknown_state_is_told_apart(data: bytes, reason: str) -> None:
    with pytest.raises(UnknownStateError, match=reason):
        SessionWindows.from_bytes(data)


@pytest.mark.parametrize(
    ("ago", "recovers"), [(0, True), (WINDOW_TICKS - 1, True), (WINDOW_TICKS, False), (-5, False)]
)
def test_a_session_recovers_for_a_minute(ago: int, recovers: bool) -> None:
    windows = windows_at(1000, "lost", "never")
    windows.rows["lost_at"][0] = 1000 - ago
    assert windows.recovering_rows().tolist() == [recovers, False]
