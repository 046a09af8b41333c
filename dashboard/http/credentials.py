"""What a client sends to say who it is: checked here, before anything is looked up with it.

What no login and no token of ours can be is as good as nothing: whoever sends it is nobody.
"""

import re

# What Django's sessions make: 32 random characters.
_LOGIN = re.compile(r"[0-9a-z]{32}")
# `METRICS_TOKEN` may be any text that fits into a header.
_BEARER = re.compile(r"bearer +([ -~]{1,4096})", re.IGNORECASE)


def checked_login(key: object) -> str | None:
    """The key of a login, as a cookie has it; None for anything that cannot be one."""
    return key if isinstance(key, str) and _LOGIN.fullmatch(key) else None


def checked_token(header: str) -> str | None:
    """The token of an ``Authorization`` header; None for anything that cannot be one."""
    found = _BEARER.fullmatch(header.strip(" "))
    return found[1].strip(" ") if found else None
