"""One batch on its way from the platform's channels to the scorer: decoded, sorted, counted."""

from collections import Counter
from typing import Any

from sessions_app import keys
from sessions_app.blocks import PUBSUB_SOURCE, BatchBuilder
from sessions_app.dead_letters import DeadLetter
from sessions_app.events import BadEventError, Fault, decoder
from sessions_app.figures import DEAD_LETTERS, RECEIVED, named
from sessions_app.identification import Identification
from sessions_app.streams import Batches, Entry
from sessions_app.subscriber import Message
from sessions_app.ticks import TICK_MS, tick_at

_DECODERS = [decoder(channel) for channel in keys.CHANNELS]


class Handover:
    """One batch on its way: kept until Redis has confirmed it, and then offered unchanged again."""

    def __init__(
        self,
        batches: Batches,
        messages: list[Message],
        now_ms: int,
        identification: Identification,
    ) -> None:
        self.batches = batches
        self.builder = BatchBuilder(identification)
        self.letters: list[DeadLetter] = []
        self.delivered = False
        self.received: Counter[str] = Counter()
        for position, entries in batches:
            self.received[named(RECEIVED, keys.CHANNELS[position], "stream")] += len(entries)
            self._add_entries(position, entries, now_ms)
        self._add_messages([message for message in messages if message.channel >= 0])
        self.subscriber_read_ms = max((m.time_ms for m in messages if m.channel < 0), default=0)

    def __len__(self) -> int:
        return len(self.builder) + len(self.letters)

    def _add_entries(self, position: int, entries: list[Any], now_ms: int) -> None:
        decode, add = _DECODERS[position], self.builder.add
        latest_ms = now_ms + TICK_MS
        for entry_id, fields in entries:
            data = fields[1] if fields and fields[0] == b"data" else Entry(entry_id, fields).data
            try:
                if data is None:
                    problem = "no field named data" if fields else "already deleted"
                    raise BadEventError(problem, Fault.EMPTY)
                time, _, sequence = entry_id.partition(b"-")
                time_ms = int(time)
                # From a future tick when the server's clock was set back: it counts now.
                tick = None if time_ms <= latest_ms else tick_at(now_ms)
                add(decode(data), position, time_ms, int(sequence), tick)
            except Exception as error:  # noqa: BLE001 - one bad entry must never stop the rest
                self._refuse(position, entry_id, error, data or repr(fields).encode())

    def _add_messages(self, messages: list[Message]) -> None:
        for position, count in Counter(message.channel for message in messages).items():
            self.received[named(RECEIVED, keys.CHANNELS[position], "pubsub")] += count
        for sequence, (position, data, time_ms) in enumerate(messages):
            try:
                event = _DECODERS[position](data)
                self.builder.add(event, position + PUBSUB_SOURCE, time_ms, sequence)
            except Exception as error:  # noqa: BLE001 - one bad message must never stop the rest
                self._refuse(position, b"", error, data)

    def _refuse(self, position: int, entry_id: bytes, error: Exception, data: bytes) -> None:
        if isinstance(error, BadEventError):
            fault, reason = error.fault, str(error)
        else:
            fault, reason = Fault.UNEXPECTED, f"{type(error).__name__}: {error}"
        self.letters.append(DeadLetter(keys.CHANNELS[position], entry_id, fault, reason, data))

    def figures(self) -> Counter[str]:
        """What it received by channel and transport, and set aside by channel and fault."""
        return self.received + Counter(
            named(DEAD_LETTERS, letter.channel, letter.fault) for letter in self.letters
        )
