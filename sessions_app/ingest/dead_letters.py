"""What could not be read is set aside with its reason: kept, counted, never in the way."""

import logging
import time
from collections import Counter
from typing import Any, NamedTuple

from sessions_app.events.decoding import Fault
from sessions_app.events.excerpts import KEPT_BYTES
from sessions_app.redis_access import keys

logger = logging.getLogger(__name__)

MAXIMUM_LETTERS = 10_000
REPORT_SECONDS = 60.0


class DeadLetter(NamedTuple):
    """A payload that was set aside.

    Attributes:
        channel: where it came from.
        entry_id: its stream entry, where the whole payload still is; empty for Pub/Sub.
        fault: what is wrong with it, in a word.
        reason: the same in a sentence.
        data: the payload, or its beginning; empty where it was not read.
    """

    channel: str
    entry_id: bytes
    fault: Fault
    reason: str
    data: bytes


def set_aside(pipeline: Any, letters: list[DeadLetter]) -> None:
    """Queues the letters on a Redis pipeline, into a capped stream; long data is cut short."""
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
    """Logs what was set aside, once a minute at most."""

    def __init__(self) -> None:
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._reported_at = float("-inf")

    def add(self, letters: list[DeadLetter]) -> None:
        """Counts the letters by channel and reason."""
        # What nobody expected may quote anything: its whole reason is in the letter only.
        self._reasons.update(
            (letter.channel, letter.fault if letter.fault is Fault.UNEXPECTED else letter.reason)
            for letter in letters
        )
        # Reasons may quote the payload: without a bound, hostile ones would fill the memory.
        if len(self._reasons) > 1000:
            self._reasons = Counter(dict(self._reasons.most_common(100)))

    def report(self) -> None:
        """Writes one line, if there is something to say and the last one is a minute old."""
        now = time.monotonic()
        if not self._reasons or now - self._reported_at < REPORT_SECONDS:
            return
        (channel, reason), count = self._reasons.most_common(1)[0]
        logger.warning(
            "Set aside %d payloads, most often (%d) from %s: %s. See the stream %s.",
            self._reasons.total(),
            count,
            channel,
            reason,
            keys.DEAD_LETTERS,
        )
        self._reasons.clear()
        self._reported_at = now
