"""How many entries to read at once: Redis limits entries, but what matters for memory are bytes."""

# For one read over all streams.
BUDGET_BYTES = 16 * 1024 * 1024
# Small enough for entries of any size after a start, a failure or a pause.
FIRST_COUNT = 16


class ReadSize:
    """The number of entries per stream to request next.

    It doubles while reads come back full and halves when they do not, so that it is small after a
    pause. The recent size of entries limits it.

    Args:
        maximum: upper limit, at least 1.
        streams: number of streams read at once.

    Attributes:
        count: entries per stream, from 1 to ``maximum``.
        was_full: whether a stream returned as many as requested, and so may have more.
    """

    def __init__(self, maximum: int, streams: int) -> None:
        self._maximum = maximum
        self._streams = streams
        self._entry_bytes = 1.0
        self.count = 0
        self.was_full = False
        self.restart()

    def restart(self) -> None:
        """Starts small again, after a start or a failure."""
        self._set(FIRST_COUNT)

    def note(self, fullest: int, entries: int, size: int) -> None:
        """Adapts to a read.

        Args:
            fullest: number of entries of the stream with most.
            entries: number of entries of all streams.
            size: their bytes.
        """
        self._note_weight(size / entries if entries else 0)
        self.was_full = fullest >= self.count
        # The first read of a burst contains only the entry that woke us.
        rest = self.count // 2 if entries else 0
        self._set(max(FIRST_COUNT, 2 * fullest, rest))

    def note_excess(self, size: int) -> None:
        """Adapts to a read that was aborted at ``size`` bytes."""
        self._note_weight(size / self.count)
        self.restart()

    def _note_weight(self, entry_bytes: float) -> None:
        # Large entries rarely come alone, so the estimate decays gradually.
        self._entry_bytes = max(entry_bytes, self._entry_bytes / 2, 1.0)

    def _set(self, count: int) -> None:
        affordable = int(BUDGET_BYTES / (self._streams * self._entry_bytes))
        self.count = max(1, min(count, affordable, self._maximum))
