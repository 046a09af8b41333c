"""The clock of the product: Unix time cut into ticks of five seconds.

Tick ``n`` covers the times ``[5 n, 5 n + 5)``. Its results carry the time of its end. Neither this
module nor the domain reads the clock: ticks are passed in.
"""

from datetime import UTC, datetime

TICK_SECONDS = 5
TICK_MS = TICK_SECONDS * 1000
WINDOW_SECONDS = 60
WINDOW_TICKS = WINDOW_SECONDS // TICK_SECONDS
CATCH_UP_TICKS = 10 * 60 // TICK_SECONDS
SILENCE_TICKS = 30 * 60 // TICK_SECONDS


def tick_at(unix_ms: int) -> int:
    """The tick that contains a time in milliseconds."""
    return unix_ms // TICK_MS


def tick_end_ms(tick: int) -> int:
    """The first millisecond after a tick."""
    return (tick + 1) * TICK_MS


def tick_end(tick: int) -> datetime:
    """The time of a tick's results: its end, aware, in UTC."""
    return datetime.fromtimestamp((tick + 1) * TICK_SECONDS, UTC)


def tick_ending(time: datetime) -> int:
    """The tick whose results have this time: the inverse of :func:`tick_end`."""
    return round(time.timestamp()) // TICK_SECONDS - 1
