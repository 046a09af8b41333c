"""The one shape of an anomaly: how it waits in the outbox, and what follows from it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from anomalies_app.records import (
    COLUMNS,
    AnomalyRecord,
    AnomalyValues,
    Change,
    EpisodeChange,
    SignalMove,
    decode_changes,
    encode_changes,
)
from sessions_app.ticks import tick_end
from tests.factories import SIGNALS

BEGAN = EpisodeChange(
    change=Change.BEGAN,
    session_id=1,
    event_id=2,
    external_id="talk-1",
    tick=359_082_840,
    raised_tick=359_082_840,
    type="SUDDEN_DROP",
    severity="WARNING",
    anomaly_score=0.71,
    current_engagement=0.35,
    expected_engagement=0.61,
    reason="Chat fell from 42 to 9 a minute.",
    signals=SIGNALS,
    moved=SignalMove("chat_msgs_per_min", 42.0, 9.0, 40),
)
ENDED = msgspec.structs.replace(
    BEGAN, change=Change.ENDED, tick=BEGAN.tick + 12, reason="", moved=None
)
# What the release before writes into its outbox, and can read.
SIGNALS_BEFORE = {
    "chat_msgs_per_min": 14.0,
    "poll_participation": 0.4,
    "active_users": 120,
    "total_users": 150,
    "reactions_per_min": 3.0,
    "user_leave_rate": 0.01,
}
MOVED_BEFORE = {"signal": "chat_msgs_per_min", "before": 42.0, "now": 9.0, "seconds": 40}
KEYS_BEFORE = [1, 2, "talk-1"]
VALUES_BEFORE = ["SUDDEN_DROP", "WARNING", 0.71, 0.35, 0.61]
BEFORE = [
    [
        *("BEGAN", *KEYS_BEFORE, 359_082_840, 359_082_840, *VALUES_BEFORE),
        *("Chat fell from 42 to 9 a minute.", SIGNALS_BEFORE, MOVED_BEFORE),
    ],
    [
        *("ENDED", *KEYS_BEFORE, 359_082_852, 359_082_840, *VALUES_BEFORE),
        *("", SIGNALS_BEFORE, None),
    ],
]


def test_the_release_before_reads_what_is_written_and_the_other_way_round() -> None:
    data = msgspec.msgpack.encode(BEFORE)
    assert encode_changes([BEGAN, ENDED]) == data
    assert decode_changes(data) == [BEGAN, ENDED]


def test_what_a_later_release_adds_at_the_end_is_ignored() -> None:
    assert decode_changes(msgspec.msgpack.encode([[*BEFORE[0], "more"]])) == [BEGAN]


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode([BEFORE[0][:-1]])])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_changes(data)


def test_all_changes_of_an_episode_are_of_the_same_anomaly() -> None:
    assert BEGAN.anomaly_id == ENDED.anomaly_id == UUID("eafdd159-e80d-5843-bddb-86261564e82e")
    others = {"session_id": 2}, {"raised_tick": BEGAN.raised_tick + 1}
    ids = {msgspec.structs.replace(BEGAN, **other).anomaly_id for other in others}
    assert len(ids | {BEGAN.anomaly_id}) == 3


def test_times_are_the_ends_of_ticks() -> None:
    assert ENDED.began_at == tick_end(BEGAN.tick)
    assert ENDED.changed_at - ENDED.began_at == timedelta(minutes=1)
    assert ENDED.began_at.tzinfo is UTC


def test_columns_are_all_values_but_those_with_a_structure() -> None:
    record = AnomalyRecord(
        **{name: getattr(BEGAN, name) for name in AnomalyValues.__struct_fields__},
        id=BEGAN.anomaly_id,
        session_id=1,
        event_id=2,
        began_at=datetime(2026, 11, 22, tzinfo=UTC),
        ended_at=None,
    )
    assert record.columns() == BEGAN.columns()
    assert tuple(record.columns()) == COLUMNS
    assert record.columns()["deviation"] == pytest.approx(0.26)
    assert {*COLUMNS, "signals", "moved"} == {*AnomalyValues.__struct_fields__, "deviation"}
