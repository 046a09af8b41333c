"""Masking of passwords in URLs that are displayed."""

import re

MASK = "***"
# Up to the last @, since a password that was not percent-encoded may contain any character.
_IN_AUTHORITY = re.compile(r"^([a-z][a-z0-9+.-]*://[^:/?#@]*):.*@", re.IGNORECASE | re.DOTALL)
_IN_QUERY = re.compile(r"([?&](?:\w*password|passwd)=)[^&#]*", re.IGNORECASE)


def masked(url: str) -> str:
    """The URL, or comma-separated URLs, with each password replaced by ``***``."""
    return ",".join(map(_masked, re.split(r",(?=[a-z]+://)", url)))


def _masked(url: str) -> str:
    return _IN_QUERY.sub(rf"\1{MASK}", _IN_AUTHORITY.sub(rf"\1:{MASK}@", url))
