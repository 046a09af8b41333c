"""Reading what was set aside: the newest first, a page at a time."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys


class KeptLetter(msgspec.Struct):
    """A payload that was set aside, as it is kept.

    Attributes:
        id: of the letter; older letters have lower ones.
        time: when it was set aside.
        channel: where it came from.
        entry_id: its entry in that stream; empty for Pub/Sub.
        reason: what is wrong with it.
        data: its beginning, with replacement characters for what is no UTF-8.
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
        ValueError: ``before`` is no ID of a letter.
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
        raise ValueError(f"{letter_id!r} is no ID of a dead letter")
    if any(int(part) >= 2**64 for part in numbers if part):
        raise ValueError(f"{letter_id!r} is no ID of a dead letter")
    return letter_id


def _letter(letter_id: str, fields: dict[bytes, Any]) -> KeptLetter:
    text = {
        name: fields.get(name.encode(), b"").decode("utf-8", "replace")
        for name in ("channel", "entry_id", "reason", "data")
    }
    milliseconds = int(letter_id.split("-")[0])
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return KeptLetter(letter_id, time, size=int(fields.get(b"bytes", 0)), **text)
