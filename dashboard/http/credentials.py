"""Checks session keys and bearer tokens before anything is looked up with them.

A value that cannot be one of ours is treated as absent: the client is anonymous.
"""

import re

# The session keys that Django generates: 32 random characters.
_LOGIN = re.compile(r"[0-9a-z]{32}")
# `METRICS_TOKEN` may be any printable ASCII that fits into a header.
_BEARER = re.compile(r"bearer +([ -~]{1,4096})", re.IGNORECASE)


def checked_login(key: object) -> str | None:
    """The session key from a cookie; None if it cannot be one."""
    return key if isinstance(key, str) and _LOGIN.fullmatch(key) else None


def checked_token(header: str) -> str | None:
    """The token from an ``Authorization`` header; None if it cannot be one."""
    found = _BEARER.fullmatch(header.strip(" "))
    return found[1].strip(" ") if found else None
