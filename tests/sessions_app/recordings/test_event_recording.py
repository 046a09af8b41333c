"""Recordings: what is read, when it is due, how it is renamed."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.recordings.event_recording import (
    LONGEST_LINE_BYTES,
    RecordedEvent,
    RecordingError,
    RecordingSummary,
    check_session_id,
    due_batches,
    parse_event,
    read_recording,
    replace_session,
    summarise,
)
from sessions_app.redis_access import keys

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=10), json_values, max_size=5)
offsets = st.floats(0, 1e6, allow_nan=False)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def line(offset_s: object = 0.0, channel: object = keys.SYNC_EVENTS, payload: object = None) -> str:
    event = {"offset_s": offset_s, "channel": channel, "payload": payload or {"sessionId": "s"}}
    return json.dumps(event)


@given(offset_s=offsets, channel=st.sampled_from(keys.CHANNELS), payload=objects)
def test_parse_event_keeps_the_bytes_of_the_payload(offset_s, channel, payload):
    text = json.dumps(payload, ensure_ascii=False, indent=None, separators=(" , ", " :  "))
    recorded = f'{{ "payload" : {text} ,"offset_s":{offset_s!r},"channel":"{channel}"}}\n'
    assert parse_event(recorded.encode("utf-8", "surrogatepass")) == RecordedEvent(
        offset_s, channel, text.encode()
    )


@given(st.binary(max_size=200))
def test_parse_event_refuses_what_is_no_event(junk):
    with pytest.raises(ValueError, match=r"\w"):
        parse_event(junk)


BAD_LINES = {
    '{"offset_s":1,"channel":"sync-events","payload":{}': "truncated",
    "[]": "Expected `object`, got `array`",
    '{"channel":"sync-events","payload":{}}': "missing required field `offset_s`",
    '{"offset_s":1,"payload":{}}': "missing required field `channel`",
    '{"offset_s":1,"channel":"sync-events"}': "missing required field `payload`",
    line(offset_s="1"): "Expected `float`, got `str`",
    line(offset_s=True): "Expected `float`, got `bool`",
    line(offset_s=-0.5): "offset_s is -0.5, before the start",
    '{"offset_s":1e999,"channel":"sync-events","payload":{}}': "out of range",
    '{"offset_s":NaN,"channel":"sync-events","payload":{}}': "malformed",
    line(channel="sync-event"): "channel 'sync-event' is none of platform.events.chat",
    line(payload=[1]): "payload is not a JSON object",
    line(payload="text"): "payload is not a JSON object",
    '{"offset_s":1,"channel":"sync-events","payload":{"a":1,}}': "malformed",
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=BAD_LINES.values())
def test_summarise_names_file_line_and_reason(tmp_path, bad):
    path = write(tmp_path / "recording.jsonl", line(), "", line(), bad, line())
    with pytest.raises(RecordingError) as caught:
        summarise(path)
    assert str(caught.value).startswith(f"{path}:4: ")
    assert BAD_LINES[bad] in str(caught.value)


def test_summarise_refuses_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "recording.jsonl"
    path.write_bytes(
        line().encode() + b'\n{"offset_s":1,"channel":"sync-events","payload":{"a":"\xff"}}'
    )
    with pytest.raises(RecordingError, match=r":2: 'utf-8' codec can't decode"):
        summarise(path)


def test_summarise_refuses_endless_lines(tmp_path):
    path = write(tmp_path / "recording.jsonl", line(), " " * (LONGEST_LINE_BYTES + 1))
    with pytest.raises(RecordingError, match=r"longer than 1048576 bytes"):
        summarise(path)


@pytest.mark.parametrize("lines", [[], ["", "   "]])
def test_summarise_refuses_a_file_without_events(tmp_path, lines):
    with pytest.raises(RecordingError, match="no events in it"):
        summarise(write(tmp_path / "recording.jsonl", *lines))


def test_summarise_refuses_what_is_no_file(tmp_path):
    with pytest.raises(RecordingError, match="No such file"):
        summarise(tmp_path / "missing.jsonl")
    with pytest.raises(RecordingError, match="not a regular file"):
        summarise(tmp_path)


def test_summarise_counts_and_measures(tmp_path):
    path = write(tmp_path / "recording.jsonl", line(2.5), "", line(1), line(7), line(6.5))
    assert summarise(path) == RecordingSummary(events=4, duration_s=7.0, misplaced=2)


def test_read_recording_reads_gzip(tmp_path):
    plain = write(tmp_path / "recording.jsonl", *(line(offset) for offset in range(100)))
    packed = tmp_path / "recording.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_recording(packed)) == list(read_recording(plain))


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"plain" + data])
def test_read_recording_reports_damaged_gzip(tmp_path, damage):
    packed = tmp_path / "recording.jsonl.gz"
    packed.write_bytes(damage(gzip.compress(line().encode())))
    with pytest.raises(RecordingError, match=str(packed)):
        list(read_recording(packed))


def test_replace_session_renames_wherever_the_session_stands():
    payload = {
        "sessionId": "old",
        "eventId": "conference",
        "message": {"id": "m", "sessionId": "old"},
        "payload": {"sessionId": "old", "eventId": "old", "text": "old"},
        "poll": {"id": "old", "sessionId": "old", "options": [{"sessionId": "old"}]},
    }
    assert json.loads(replace_session(json.dumps(payload).encode(), "new")) == {
        "sessionId": "new",
        "eventId": "conference",
        "message": {"id": "m", "sessionId": "new"},
        "payload": {"sessionId": "new", "eventId": "new", "text": "old"},
        "poll": {"id": "old", "sessionId": "new", "options": [{"sessionId": "old"}]},
    }


@given(payload=objects, session_id=st.text(min_size=1, max_size=255))
def test_replace_session_changes_nothing_else(payload, session_id):
    payload.pop("payload", None)
    session_id = session_id.encode("utf-8", "replace").decode()
    before = {**payload, "sessionId": "old", "poll": {**payload, "sessionId": "old"}}
    after = msgspec.json.decode(replace_session(json.dumps(before).encode(), session_id))
    expected = {
        **before,
        "sessionId": session_id,
        "poll": {**before["poll"], "sessionId": session_id},
    }
    assert after == expected


def test_replace_session_keeps_the_form_of_other_values():
    renamed = replace_session(b'{"a":1.10,"sessionId":"x","b":12345678901234567890123}', "y")
    assert renamed == b'{"a":1.10,"sessionId":"y","b":12345678901234567890123}'


def test_replace_session_adds_none_where_none_was():
    assert replace_session(b'{"type":"typing"}', "new") == b'{"type":"typing"}'


@pytest.mark.parametrize("session_id", ["", "x" * 256, "a\nb", "a\x00"])
def test_check_session_id_refuses(session_id):
    with pytest.raises(ValueError, match="a session ID has"):
        check_session_id(session_id)


class FakeClock:
    """Time that passes only while somebody waits, and a little with every look at it."""

    def __init__(self, per_look: float = 0.0) -> None:
        self.now = 1000.0
        self.per_look = per_look
        self.stop_at = float("inf")

    def __call__(self) -> float:
        self.now += self.per_look
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.stop_at


def at(*offsets_s: float) -> list[RecordedEvent]:
    return [
        RecordedEvent(offset_s, keys.SYNC_EVENTS, str(number).encode())
        for number, offset_s in enumerate(offsets_s)
    ]


def test_due_batches_waits_for_each_event():
    clock = FakeClock()
    sent = [
        (clock.now - 1000, [event.offset_s for event in batch])
        for batch in due_batches(at(0, 0, 2, 2, 10), 2.0, clock, clock.wait)
    ]
    assert sent == [(0, [0, 0]), (1, [2, 2]), (5, [10])]


def test_due_batches_without_speed_does_not_wait():
    clock = FakeClock()
    batches = list(due_batches(at(0, 5, 9, 1000), 0, clock, clock.wait, batch_events=3))
    assert [len(batch) for batch in batches] == [3, 1]
    assert clock.now == 1000


@given(
    recorded=st.lists(st.floats(0, 100), max_size=60),
    speed=st.floats(0.1, 100),
    per_look=st.sampled_from([0.0, 0.001, 0.3]),
    batch_events=st.integers(1, 7),
)
def test_due_batches_loses_nothing_keeps_order_and_is_never_early(
    recorded, speed, per_look, batch_events
):
    clock, events, sent = FakeClock(per_look), at(*recorded), []
    start = None
    for batch in due_batches(events, speed, clock, clock.wait, batch_events):
        start = 1000.0 + per_look if start is None else start
        assert 1 <= len(batch) <= batch_events
        assert all(clock.now >= start + event.offset_s / speed for event in batch)
        sent += batch
    assert sent == events


def test_due_batches_is_not_late_when_it_keeps_up():
    clock = FakeClock()
    for batch in due_batches(at(*range(50)), 10, clock, clock.wait):
        assert clock.now - 1000 == pytest.approx(batch[0].offset_s / 10)


def test_due_batches_stops_when_told():
    clock = FakeClock()
    clock.stop_at = 1005.0
    batches = list(due_batches(at(0, 1, 20, 21), 1.0, clock, clock.wait))
    assert [event.offset_s for batch in batches for event in batch] == [0, 1]


def test_due_batches_reads_no_further_than_it_must():
    clock, read = FakeClock(), []

    def endless():
        for event in at(*range(10_000)):
            read.append(event)
            yield event

    batches = due_batches(endless(), 0, clock, clock.wait, batch_events=10)
    next(batches)
    assert len(read) <= 11
