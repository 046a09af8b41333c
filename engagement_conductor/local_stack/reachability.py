"""Waits for servers that are given by URL; errors say what is wrong, where, and what to do."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured

from engagement_conductor.configuration.server_urls import parse_database_url, parse_redis_url
from sessions_app.redis_access.client import connect_to

WAIT_SECONDS = 20.0
RETRY_SECONDS = 0.5
TIMEOUT_SECONDS = 5
# Parts of psycopg's messages about a server that may still come up; others are final.
TRANSIENT = ("refused", "timeout", "timed out", "starting up", "shutting down", "No such file")
UNKNOWN_HOST = "failed to resolve host"
OLDEST_REDIS = (7, 0)  # reports the lag of a consumer group


class UnreachableError(Exception):
    """A server cannot be used; the message is for the user."""


class _NotYetError(Exception):
    """The server does not answer yet."""


def wait_for_database(url: str, pause: Callable[[float], None]) -> None:
    """Returns once the database can be used.

    Args:
        url: of ``DATABASE_URL``.
        pause: sleeps between attempts; may raise to stop waiting.

    Raises:
        UnreachableError: it refuses the connection, or has not answered for 20 seconds.
    """
    try:
        parameters = parse_database_url(url)
    except ImproperlyConfigured as error:
        raise UnreachableError(str(error)) from None
    place = f"{parameters['HOST'] or 'the local socket'}:{parameters['PORT'] or 5432}"

    def attempt() -> None:
        try:
            _connect(parameters).close()
        except psycopg.Error as error:
            reason = _reason(error)
            if any(word in reason for word in TRANSIENT):
                raise _NotYetError(
                    f"The database of DATABASE_URL does not answer at {place} ({reason}). "
                    "Start it, correct DATABASE_URL, or unset it to use the embedded PostgreSQL."
                ) from None
            if UNKNOWN_HOST in reason:
                raise UnreachableError(
                    f"The host of DATABASE_URL, {parameters['HOST']!r}, is unknown: {reason}. "
                    "Correct DATABASE_URL, or unset it to use the embedded PostgreSQL."
                ) from None
            raise UnreachableError(
                f"The database of DATABASE_URL at {place} cannot be used as user "
                f"{parameters['USER']!r}, database {parameters['NAME']!r}: {reason}. Correct the "
                "user, password and name in DATABASE_URL, or create them on the server."
            ) from None

    _keep_trying(attempt, pause)


def wait_for_redis(url: str, pause: Callable[[float], None]) -> None:
    """Does the same for the server of ``REDIS_URL``."""
    try:
        parse_redis_url(url)
        client = connect_to(url, TIMEOUT_SECONDS)
    except ImproperlyConfigured as error:
        raise UnreachableError(str(error)) from None
    except ValueError as error:
        raise UnreachableError(f"REDIS_URL cannot be used: {error}.") from None
    parts = urlsplit(url)
    place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"

    def attempt() -> None:
        try:
            version = client.info("server")["redis_version"]
        except redis.AuthenticationError as error:
            raise _refused(place, error) from None
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            raise _NotYetError(
                f"The server of REDIS_URL does not answer at {place} ({error}). Start it, correct "
                "REDIS_URL, or unset it to use the embedded Valkey."
            ) from None
        except redis.RedisError as error:
            raise _refused(place, error) from None
        _check_version(place, version)

    with client:
        _keep_trying(attempt, pause)


def _connect(parameters: dict[str, object]) -> "psycopg.Connection[tuple[object, ...]]":
    options = parameters["OPTIONS"]
    given = {
        "dbname": parameters["NAME"],
        "user": parameters["USER"],
        "password": parameters["PASSWORD"],
        "host": parameters["HOST"],
        "port": parameters["PORT"],
    }
    return psycopg.connect(
        **{
            "connect_timeout": TIMEOUT_SECONDS,
            **{name: value for name, value in given.items() if value},
            **(options if isinstance(options, dict) else {}),
        }
    )


def _reason(error: Exception) -> str:
    # A host with several addresses gives several lines, interspersed with questions.
    lines = [line.strip() for line in str(error).splitlines()]
    statements = [line for line in lines if line and not line.endswith("?")]
    reason = statements[-1] if statements else type(error).__name__
    return reason.rpartition("FATAL: ")[2].strip().rstrip(".")


def _refused(place: str, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"The server of REDIS_URL at {place} refused the connection: "
        f"{str(error).rstrip('.')}. Correct the "
        "user, password and database number in REDIS_URL: redis://user:password@host:port/0."
    )


def _check_version(place: str, version: str) -> None:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        raise UnreachableError(
            f"The server of REDIS_URL at {place} is Redis {version}, but 7.0 or newer is needed "
            "(or any Valkey)."
        )


def _keep_trying(attempt: Callable[[], None], pause: Callable[[float], None]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return attempt()
        except _NotYetError as error:
            if time.monotonic() >= deadline:
                raise UnreachableError(str(error)) from None
            pause(RETRY_SECONDS)
