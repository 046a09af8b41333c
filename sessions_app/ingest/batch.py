"""A batch on its way from the platform's channels to the scorer: decoded, sorted, counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import PUBSUB_SOURCE
from sessions_app.events.decoding import BadEventError, Fault, decoder
from sessions_app.events.excerpts import KEPT_BYTES, beginning
from sessions_app.events.identification import Identification
from sessions_app.ingest.claims import MAXIMUM_DELIVERIES, Batch
from sessions_app.ingest.dead_letters import DeadLetter
from sessions_app.ingest.pubsub_listener import Message
from sessions_app.ingest.stream_reader import Entry, EntryIds
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import DEAD_LETTERS, RECEIVED, named
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at

# A reason may quote the payload.
LONGEST_REASON = 500
# The scorer remembers for CATCH_UP_TICKS which entries counted in a tick other than that of their
# IDs. No entry is delivered more often than the maximum, so with this limit none arrives later.
STRAY_IDLE_MS = CATCH_UP_TICKS * TICK_MS // MAXIMUM_DELIVERIES

_DECODERS = [decoder(channel) for channel in keys.CHANNELS]


class CollectedBatch:
    """A decoded batch: kept until Redis has confirmed it, and retried unchanged until then.

    Attributes:
        entry_ids: IDs of the stream entries, to be acknowledged. Their payloads are not kept.
        newest_message_ms: when the last message was received; 0 without messages.
    """

    def __init__(
        self,
        batches: Sequence[Batch],
        messages: list[Message],
        now_ms: int,
        identification: Identification,
    ) -> None:
        self.entry_ids: list[EntryIds] = []
        self.builder = BatchBuilder(identification)
        self.letters: list[DeadLetter] = []
        self.received: Counter[str] = Counter()
        for batch in batches:
            self._add_batch(batch, now_ms)
        self._add_messages([message for message in messages if message.channel >= 0])
        self.newest_message_ms = max((m.time_ms for m in messages), default=0)
        self.subscriber_read_ms = max((m.time_ms for m in messages if m.channel < 0), default=0)

    def __len__(self) -> int:
        return len(self.builder) + len(self.letters)

    def _add_batch(self, batch: Batch, now_ms: int) -> None:
        channel = keys.CHANNELS[batch.position]
        identifiers = [*(entry[0] for entry in batch.entries), *batch.given_up]
        self.entry_ids.append((batch.position, identifiers))
        self.received[named(RECEIVED, channel, "stream")] += len(identifiers)
        self._add_entries(batch, now_ms)
        reason = f"delivered {MAXIMUM_DELIVERIES} times without success"
        self.letters += [
            DeadLetter(channel, entry_id, Fault.GIVEN_UP, reason, b"")
            for entry_id in batch.given_up
        ]

    def _add_entries(self, batch: Batch, now_ms: int) -> None:
        position = batch.position
        decode, add = _DECODERS[position], self.builder.add
        latest_ms = now_ms + TICK_MS
        for entry_id, fields in batch.entries:
            data = fields[1] if fields and fields[0] == b"data" else Entry(entry_id, fields).data
            try:
                if data is None:
                    problem = "no field named data" if fields else "already deleted"
                    raise BadEventError(problem, Fault.EMPTY)
                time, _, sequence = entry_id.partition(b"-")
                time_ms = int(time)
                # In the future if the server's clock was set back: it counts now.
                tick = None if time_ms <= latest_ms else tick_at(now_ms)
                if tick is not None and batch.idle_ms.get(entry_id, 0) > STRAY_IDLE_MS:
                    raise BadEventError("delivered long ago: may have counted", Fault.TOO_LATE)
                add(decode(data), position, time_ms, int(sequence), tick)
            except MemoryError:  # not the entry's fault: a process with more memory may read it
                raise
            except Exception as error:  # noqa: BLE001 - one bad entry must never stop the rest
                self._refuse(position, entry_id, error, data or _shown(fields))

    def _add_messages(self, messages: list[Message]) -> None:
        for position, count in Counter(message.channel for message in messages).items():
            self.received[named(RECEIVED, keys.CHANNELS[position], "pubsub")] += count
        for sequence, (position, data, time_ms) in enumerate(messages):
            try:
                event = _DECODERS[position](data)
                self.builder.add(event, position + PUBSUB_SOURCE, time_ms, sequence)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - one bad message must never stop the rest
                self._refuse(position, b"", error, data)

    def _refuse(self, position: int, entry_id: bytes, error: Exception, data: bytes) -> None:
        if isinstance(error, BadEventError):
            fault, reason = error.fault, str(error)
        else:
            fault, reason = Fault.UNEXPECTED, f"{type(error).__name__}: {error}"
        reason = reason[:LONGEST_REASON]
        letter = DeadLetter(keys.CHANNELS[position], entry_id, fault, reason, beginning(data))
        self.letters.append(letter)

    def counters(self) -> Counter[str]:
        """Events received by channel and transport, and set aside by channel and fault."""
        return self.received + Counter(
            named(DEAD_LETTERS, letter.channel, letter.fault) for letter in self.letters
        )


def _shown(fields: Any) -> bytes:
    """The beginning of an entry's fields, for display."""
    parts = [part[:KEPT_BYTES] for part in fields[:8]] if fields else fields
    return repr(parts).encode()[:KEPT_BYTES]
