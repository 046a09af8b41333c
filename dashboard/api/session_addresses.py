"""Which session an address speaks of: IDs may contain anything, slashes included."""

from typing import NamedTuple
from urllib.parse import quote, unquote

ROOT = "/api/v1/sessions/"
PARTS = frozenset({"history", "anomalies", "pause", "resume", "end"})


class SessionAddress(NamedTuple):
    """What stands behind ``sessions/``.

    Attributes:
        external_id: the platform's ID of the session.
        part: one of :data:`PARTS`, or empty for the session itself.
    """

    external_id: str
    part: str


def read_session_address(encoded: str) -> SessionAddress:
    """The session and the part of a percent-encoded address, from behind ``sessions/`` on.

    A slash that is encoded belongs to the ID: ``a%2Fpause/`` is the session ``a/pause``, and
    ``a/pause/`` the pause of ``a``. Others do, too, where that can only be meant: ``a/b/pause/`` is
    the pause of ``a/b``. One slash at the end does not count.
    """
    segments = encoded.removesuffix("/").split("/")
    *before, last = map(unquote, segments)
    if last in PARTS and "/".join(before):
        return SessionAddress("/".join(before), last)
    return SessionAddress("/".join((*before, last)), "")


def encoded_behind_root(encoded: str) -> str | None:
    """What stands behind ``sessions/`` in the path of a request, as it was sent.

    None where the path leads here only once it is decoded, and its root has other parts: which of
    its slashes are encoded ones cannot be told by counting then.
    """
    *root, rest = encoded.split("/", ROOT.count("/"))
    return rest if unquote("/".join((*root, ""))) == ROOT else None


def encoded_path(scope: dict[str, object], path: str) -> str:
    """The path of a request as it was sent, percent-encoded.

    Args:
        scope: of the request, empty where the server keeps none.
        path: decoded, from which it is made again where nothing else is known.
    """
    raw = scope.get("raw_path")
    return raw.decode("latin1") if isinstance(raw, bytes) else quote(path)
