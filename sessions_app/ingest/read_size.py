"""How many entries to ask for at once: Redis counts entries, but memory is spent on bytes."""

# Of one read over all streams.
BUDGET_BYTES = 16 * 1024 * 1024
# Small enough for whatever may come after a start, a failure or a silence.
FIRST_COUNT = 16


class ReadSize:
    """The number of entries per stream to ask for next.

    It doubles while reads come back full, halves when they do not, and what comes after a silence
    meets a small number. What an entry weighed lately bounds it from above.

    Args:
        maximum: the largest number, at least 1.
        streams: how many streams are read at once.

    Attributes:
        count: entries of each stream, from 1 to ``maximum``.
        was_full: whether a stream had as many as were asked for, and so may have more.
    """

    def __init__(self, maximum: int, streams: int) -> None:
        self._maximum = maximum
        self._streams = streams
        self._entry_bytes = 1.0
        self.count = 0
        self.was_full = False
        self.restart()

    def restart(self) -> None:
        """Begins small, as at a start or after a failure."""
        self._set(FIRST_COUNT)

    def note(self, fullest: int, entries: int, size: int) -> None:
        """Learns from a read.

        Args:
            fullest: entries of the stream that had most.
            entries: of all streams.
            size: their bytes.
        """
        self._note_weight(size / entries if entries else 0)
        self.was_full = fullest >= self.count
        # The first read of a burst has what had come when the server woke us: one entry.
        rest = self.count // 2 if entries else 0
        self._set(max(FIRST_COUNT, 2 * fullest, rest))

    def note_excess(self, size: int) -> None:
        """Learns that a read had more than ``size`` bytes, and was not taken."""
        self._note_weight(size / self.count)
        self.restart()

    def _note_weight(self, entry_bytes: float) -> None:
        # Heavy entries seldom come alone: they are forgotten step by step.
        self._entry_bytes = max(entry_bytes, self._entry_bytes / 2, 1.0)

    def _set(self, count: int) -> None:
        affordable = int(BUDGET_BYTES / (self._streams * self._entry_bytes))
        self.count = max(1, min(count, affordable, self._maximum))
