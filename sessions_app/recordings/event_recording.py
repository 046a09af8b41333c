"""Recordings of platform events: reading, checking, renaming sessions, and pacing.

A recording is a file of JSON lines, gzipped if its name ends in ``.gz``. Each line is
``{"offset_s": <seconds since the start>, "channel": <name>, "payload": {...}}``.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

import msgspec

from sessions_app.events.decoding import has_control_characters
from sessions_app.redis_access import keys

LONGEST_LINE_BYTES = 1024 * 1024
LONGEST_IDENTIFIER = 255
# Upper limit of events posted twice if Redis fails at the wrong moment.
BATCH_EVENTS = 200
NESTED_OBJECTS = ("payload", "poll", "message")


class RecordingError(ValueError):
    """A recording that cannot be replayed; the message has file, line and reason."""


class RecordedEvent(NamedTuple):
    """One event: when it is due (seconds since the start), its channel, and its JSON."""

    offset_s: float
    channel: str
    payload: bytes


class RecordingSummary(NamedTuple):
    """Summary of a recording.

    Attributes:
        events: number of events.
        duration_s: the largest offset.
        misplaced: number of events with a smaller offset than the event before them.
    """

    events: int
    duration_s: float
    misplaced: int


class _Line(msgspec.Struct):
    offset_s: float
    channel: str
    payload: msgspec.Raw


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode


def parse_event(line: bytes) -> RecordedEvent:
    """Parses one line of a recording; the payload keeps its exact bytes.

    Raises:
        ValueError: not a valid line; the message says why.
    """
    line.decode("utf-8")
    event = _decode_line(line)
    if event.offset_s < 0:
        raise ValueError(f"offset_s is {event.offset_s:g}, before the start")
    if event.channel not in keys.CHANNELS:
        raise ValueError(f"channel {event.channel!r} is none of {', '.join(keys.CHANNELS)}")
    payload = bytes(event.payload)
    if not payload.startswith(b"{"):
        raise ValueError("payload is not a JSON object")
    return RecordedEvent(event.offset_s, event.channel, payload)


def read_recording(path: Path) -> Iterator[RecordedEvent]:
    """Yields the events of a file in order, with one line in memory at a time.

    Raises:
        RecordingError: the file cannot be read, or a line is not an event.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(_lines(file), start=1):  # noqa: B007 - used in errors
                if line.strip():
                    yield parse_event(line)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise RecordingError(f"{path}:{number + 1}: damaged gzip data: {error}") from error
    except ValueError as error:
        raise RecordingError(f"{path}:{number}: {error}") from error


def summarise(path: Path) -> RecordingSummary:
    """Reads a whole recording, which checks every line of it.

    Raises:
        RecordingError: as :func:`read_recording`; also if the file contains no event.
    """
    if path.exists() and not path.is_file():
        raise RecordingError(f"{path}: not a regular file; it is read twice, so it has to be one")
    events = misplaced = 0
    previous = duration = 0.0
    for event in read_recording(path):
        events += 1
        misplaced += event.offset_s < previous
        previous = event.offset_s
        duration = max(duration, previous)
    if not events:
        raise RecordingError(f"{path}: no events in it")
    return RecordingSummary(events, duration, misplaced)


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.name.endswith(".gz") else path.open("rb")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        yield line if len(line) <= LONGEST_LINE_BYTES else _too_long()


def _too_long() -> bytes:
    raise ValueError(f"longer than {LONGEST_LINE_BYTES} bytes")


def check_session_id(session_id: str) -> str:
    """Returns the ID if it is one the platform could use.

    Raises:
        ValueError: empty, too long, or with control characters.
    """
    if not 1 <= len(session_id) <= LONGEST_IDENTIFIER:
        raise ValueError(f"a session ID has 1 to {LONGEST_IDENTIFIER} characters")
    if has_control_characters(session_id):
        raise ValueError("a session ID has no control characters")
    return session_id


def replace_session(payload: bytes, session_id: str) -> bytes:
    """The payload as the platform would have sent it from the session ``session_id``.

    Replaces ``sessionId`` at the top and in ``payload``, ``poll`` and ``message``, and an
    ``eventId`` that only repeats the session's ID. All other values keep their bytes.
    """
    fields = _decode_object(payload)
    nested = {
        name: _decode_object(fields[name])
        for name in NESTED_OBJECTS
        if name in fields and bytes(fields[name]).startswith(b"{")
    }
    objects = [fields, *nested.values()]
    replaced = {_text(each["sessionId"]) for each in objects if "sessionId" in each} - {None}
    for each in objects:
        _rename(each, replaced, msgspec.Raw(msgspec.json.encode(session_id)))
    for name, value in nested.items():
        fields[name] = msgspec.Raw(msgspec.json.encode(value))
    return msgspec.json.encode(fields)


def _rename(fields: dict[str, msgspec.Raw], replaced: set[str | None], new: msgspec.Raw) -> None:
    if "sessionId" in fields:
        fields["sessionId"] = new
    if "eventId" in fields and _text(fields["eventId"]) in replaced:
        fields["eventId"] = new


def _text(value: msgspec.Raw) -> str | None:
    return _decode_string(value) if bytes(value).startswith(b'"') else None


def due_batches(
    events: Iterable[RecordedEvent],
    speed: float,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
    batch_events: int = BATCH_EVENTS,
) -> Iterator[list[RecordedEvent]]:
    """Yields events in order, in batches, none before it is due.

    Args:
        events: with offsets in seconds, counted from the first call of ``clock``.
        speed: factor by which time is shortened; 0 to not wait at all.
        clock: seconds since any fixed point.
        wait: sleeps up to the given number of seconds; returns True to stop.
        batch_events: maximum number of events in a batch.
    """
    start = clock()
    batch: list[RecordedEvent] = []
    for event in events:
        due = start + event.offset_s / speed if speed else start
        if batch and (len(batch) >= batch_events or clock() < due):
            yield batch
            batch = []
        while (early := due - clock()) > 0:
            if wait(early):
                return
        batch.append(event)
    if batch:
        yield batch
