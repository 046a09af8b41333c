"""What several commands take on their command lines."""

import argparse
import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from tqdm import tqdm


def a_time(text: str) -> datetime:
    """A date or a time in ISO 8601; in UTC unless it says otherwise."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date: use 2026-05-17 or 2026-05-17T09:00"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def whole_number(lowest: int) -> Callable[[str], int]:
    """Reads a whole number of ``lowest`` or more."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and int(text) >= lowest):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {lowest} or more")
        return int(text)

    return read


def number_above_zero(text: str) -> float:
    """A finite number above 0."""
    if (number := _finite(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def number_from_zero(text: str) -> float:
    """A finite number of 0 or more."""
    if (number := _finite(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return number


def _finite(text: str) -> float:
    """The number, or -1 for what is none."""
    try:
        number = float(text)
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0


def progress_bar(total: int, unit: str, doing: str, stream: TextIO | None = None) -> "tqdm[None]":
    """A progress bar, where the stream (by default standard error) is a terminal."""
    stream = stream or sys.stderr
    return tqdm(
        total=total,
        unit=f" {unit}",
        unit_scale=True,
        desc=doing,
        file=stream,
        disable=not stream.isatty(),
    )
