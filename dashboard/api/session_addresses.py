"""Which session a URL refers to: IDs may contain any character, including slashes."""

from typing import NamedTuple
from urllib.parse import quote, unquote

ROOT = "/api/v1/sessions/"
PARTS = frozenset({"history", "anomalies", "pause", "resume", "end"})


class SessionAddress(NamedTuple):
    """What follows ``sessions/`` in a URL.

    Attributes:
        external_id: the platform's ID of the session.
        part: one of :data:`PARTS`, or empty for the session itself.
    """

    external_id: str
    part: str


def read_session_address(encoded: str) -> SessionAddress:
    """Splits a percent-encoded path after ``sessions/`` into session and part.

    An encoded slash belongs to the ID: ``a%2Fpause/`` is the session ``a/pause``, and ``a/pause/``
    the pause of ``a``. So does a plain slash where nothing else can be meant: ``a/b/pause/`` is the
    pause of ``a/b``. One trailing slash is ignored.
    """
    segments = encoded.removesuffix("/").split("/")
    *before, last = map(unquote, segments)
    if last in PARTS and "/".join(before):
        return SessionAddress("/".join(before), last)
    return SessionAddress("/".join((*before, last)), "")


def encoded_behind_root(encoded: str) -> str | None:
    """What follows ``sessions/`` in the path of a request, as it was sent.

    None if the path matches only after decoding because its root itself is encoded differently:
    counting slashes then does not show which of them belong to the ID.
    """
    *root, rest = encoded.split("/", ROOT.count("/"))
    return rest if unquote("/".join((*root, ""))) == ROOT else None


def encoded_path(scope: dict[str, object], path: str) -> str:
    """The path of a request as it was sent, percent-encoded.

    Args:
        scope: ASGI scope of the request; empty if the server has none.
        path: decoded; encoded again if the scope has no raw path.
    """
    raw = scope.get("raw_path")
    return raw.decode("latin1") if isinstance(raw, bytes) else quote(path)
