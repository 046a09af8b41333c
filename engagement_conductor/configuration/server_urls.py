"""Parses the URLs of the database and of Redis.

Every parser raises ``ImproperlyConfigured`` with the variable's name and what it accepts. Messages
never quote a URL, which may contain a password.
"""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's ``DATABASES`` entry for ``postgresql://user:password@host:port/name?option=value``.

    Raises:
        ImproperlyConfigured: another scheme, no database name, or a port that is not a number.
    """
    parts = _split(url, "DATABASE_URL")
    if parts.scheme not in {"postgres", "postgresql", "timescale", "timescaledb"}:
        found = f", not {parts.scheme}://" if parts.scheme else ""
        raise ImproperlyConfigured(f"DATABASE_URL must begin with postgresql://{found}.")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database: postgresql://host/NAME.")
    options = dict(parse_qsl(parts.query))
    return {
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def parse_redis_url(url: str, name: str = "REDIS_URL") -> str:
    """Returns the URL unchanged if every client library interprets it alike.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        name: the variable, for messages.

    Raises:
        ImproperlyConfigured: a scheme that redis-py does not support, a port that is not a number,
            or a database that is not one: redis-py would silently use database 0.
    """
    parts = _split(url, name)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://.")
    database = parts.path.strip("/")
    if parts.scheme != "unix" and not (database or "0").isdecimal():
        raise ImproperlyConfigured(
            f"{name} must end with the number of a database, as /0, not /{database}."
        )
    return url


def _split(url: str, name: str) -> SplitResult:
    """The parts of a URL with a valid port.

    Raises:
        ImproperlyConfigured: the URL cannot be split, perhaps because an unescaped character of
            the password ends the host too early; the message quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or "@" in f"{parts.path}{parts.fragment}":
        raise ImproperlyConfigured(
            f"{name} has a bad port (it must be a number up to 65535) or a bad host. In a "
            "password, write / ? # @ [ and ] as %2F %3F %23 %40 %5B and %5D."
        )
    return parts
