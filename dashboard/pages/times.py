"""Times that stand in an address."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime:
    """A time in ISO 8601 with its zone, in UTC, as every database understands it.

    Raises:
        ValueError: another text, a time without a zone, or one outside the years 1 to 9999; the
            message says which, as the end of a sentence about it.
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
