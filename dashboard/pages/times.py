"""Parsing of times in URLs."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with a zone, converted to UTC, which every database accepts.

    Raises:
        ValueError: the text is no such time, has no zone, or is outside the years 1 to 9999; the
            message says which, as the predicate of a sentence.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time in ISO 8601") from None
    if time.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None
