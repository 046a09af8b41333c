"""Dead letters: unreadable payloads, set aside with a reason, counted and kept."""

import logging
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import redis

from sessions_app.events.decoding import Fault
from sessions_app.events.excerpts import KEPT_BYTES
from sessions_app.redis_access import keys
from sessions_app.telemetry.once_a_minute import MinuteSummary

logger = logging.getLogger(__name__)

MAXIMUM_LETTERS = 10_000


class DeadLetter(NamedTuple):
    """A payload that was set aside.

    Attributes:
        channel: where it came from.
        entry_id: its stream entry, which still has the whole payload; empty for Pub/Sub.
        fault: what is wrong with it, as a category.
        reason: what is wrong with it, as text.
        data: the payload, or its beginning; empty if it was not read.
    """

    channel: str
    entry_id: bytes
    fault: Fault
    reason: str
    data: bytes


def set_aside(pipeline: Any, letters: list[DeadLetter]) -> None:
    """Queues the letters on a Redis pipeline, to be added to a capped stream; cuts long data."""
    for letter in letters:
        fields = {
            "channel": letter.channel,
            "entry_id": letter.entry_id,
            "reason": letter.reason,
            "data": letter.data[:KEPT_BYTES],
            "bytes": len(letter.data),
        }
        pipeline.xadd(keys.DEAD_LETTERS, fields, maxlen=MAXIMUM_LETTERS, approximate=True)


class DeadLetterLog:
    """Logs dead letters, at most once a minute."""

    def __init__(self) -> None:
        self._summary = MinuteSummary()

    def add(self, letters: list[DeadLetter]) -> None:
        """Counts the letters by channel and reason."""
        # Reasons of unexpected errors may quote anything: they are kept in the letter only.
        self._summary.add(
            (letter.channel, letter.fault if letter.fault is Fault.UNEXPECTED else letter.reason)
            for letter in letters
        )

    def report(self) -> None:
        """Logs one line, if there were any and the last line is a minute old."""
        if (summary := self._summary.due()) is not None:
            channel, reason = summary.kind
            logger.warning(
                "Set aside %d payloads, most of them (%d) from %s: %s. See the stream %s.",
                summary.total,
                summary.times,
                channel,
                reason,
                keys.DEAD_LETTERS,
            )


class KeptLetter(msgspec.Struct):
    """A stored dead letter.

    Attributes:
        id: of the letter; older letters have lower ones.
        time: when it was set aside.
        channel: where it came from.
        entry_id: its entry in that stream; empty for Pub/Sub.
        reason: what is wrong with it.
        data: its beginning, with replacement characters for invalid UTF-8.
        size: of the whole payload, in bytes.
    """

    id: str
    time: datetime
    channel: str
    entry_id: str
    reason: str
    data: str
    size: int


def kept_letters(client: "redis.Redis", count: int, before: str = "") -> list[KeptLetter]:
    """The last ``count`` letters, newest first; with ``before``, those older than this ID.

    Raises:
        ValueError: ``before`` is not the ID of a letter.
        redis.RedisError: Redis does not answer.
    """
    end = f"({before}" if _checked(before) else "+"
    entries = client.xrevrange(keys.DEAD_LETTERS, max=end, min="-", count=count)
    return [_letter(entry_id.decode(), fields) for entry_id, fields in entries]


def _checked(letter_id: str) -> str:
    numbers = letter_id.split("-")
    if letter_id and not (
        len(numbers) == 2 and all(part.isascii() and part.isdecimal() for part in numbers)
    ):
        raise ValueError(f"{letter_id!r} is not the ID of a dead letter")
    if any(int(part) >= 2**64 for part in numbers if part):
        raise ValueError(f"{letter_id!r} is not the ID of a dead letter")
    return letter_id


def _letter(letter_id: str, fields: dict[bytes, Any]) -> KeptLetter:
    text = {
        name: fields.get(name.encode(), b"").decode("utf-8", "replace")
        for name in ("channel", "entry_id", "reason", "data")
    }
    milliseconds = int(letter_id.split("-")[0])
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return KeptLetter(letter_id, time, size=int(fields.get(b"bytes", 0)), **text)
