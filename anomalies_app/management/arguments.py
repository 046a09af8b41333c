"""Arguments and progress bars of several commands."""

import argparse
import sys
from datetime import UTC, datetime

from tqdm import tqdm


def a_time(text: str) -> datetime:
    """Parses a date or a time in ISO 8601, in UTC unless it has an offset."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date: write 2026-05-17 or 2026-05-17T09:00"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def progress_bar(total: int, unit: str, doing: str) -> "tqdm[None]":
    """A progress bar on standard error; none if that is not a terminal."""
    return tqdm(
        total=total, unit=f" {unit}", unit_scale=True, desc=doing, disable=not sys.stderr.isatty()
    )
