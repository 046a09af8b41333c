"""URLs as they may be shown: without the passwords in them."""

import re

MASK = "***"
# Up to the last @, as whoever forgot to encode a password may have written anything in it.
_IN_AUTHORITY = re.compile(r"^([a-z][a-z0-9+.-]*://[^:/?#@]*):.*@", re.IGNORECASE | re.DOTALL)
_IN_QUERY = re.compile(r"([?&](?:\w*password|passwd)=)[^&#]*", re.IGNORECASE)


def masked(url: str) -> str:
    """The URL, or URLs by commas, with ``***`` for each password; all else as it is."""
    return ",".join(map(_masked, re.split(r",(?=[a-z]+://)", url)))


def _masked(url: str) -> str:
    return _IN_QUERY.sub(rf"\1{MASK}", _IN_AUTHORITY.sub(rf"\1:{MASK}@", url))
