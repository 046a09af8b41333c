"""Backups of the database, by PostgreSQL's own programs, and what TimescaleDB asks for around them.

The scorer's state on Redis is of the last minutes only and belongs to the rows of the database:
after a restore it begins anew.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.db import connection
from psycopg.conninfo import make_conninfo

from engagement_conductor.local_stack import postgresql
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client, server_time_ms
from sessions_app.telemetry.heartbeats import heartbeat_ages
from sessions_app.telemetry.pipeline_status import pipeline_status

# Nobody who works is silent for longer.
SILENCE_SECONDS = 20.0
# The whole of it may take hours; a server that does not answer at all is noticed.
CONNECT_SECONDS = 10


class BackupError(Exception):
    """A backup that cannot be made or restored; the message says why."""


def dump(file: Path) -> None:
    """Writes the whole database, as it is at this moment, to a file that must not exist yet.

    Raises:
        BackupError: pg_dump is missing or fails.
    """
    if file.exists():
        raise BackupError(f"{file} exists. Choose another name.")
    # Under another name until it is whole, or an interrupted dump would pass for a backup.
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        # All that anybody ever stored is in it: for its owner only, from the first byte on.
        unfinished.touch(mode=0o600)
        _run("pg_dump", "--format=custom", f"--file={unfinished}")
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(file: Path, replace: bool) -> None:
    """Fills the database with what a backup holds.

    Args:
        file: of :func:`dump`.
        replace: whether to delete what is in the database.

    Raises:
        BackupError: there is no such file, the database is not empty and may not be replaced, or
            pg_restore is missing or fails.
    """
    if not file.is_file():
        raise BackupError(f"{file}: no such file.")
    # A file of something else must not cost what is there.
    _run("pg_restore", "--list", str(file), connect=False)
    with _connect() as server:
        if not _is_empty(server):
            if not replace:
                raise BackupError("The database is not empty. --replace deletes all that is in it.")
            _empty(server)
    with _connect() as server:
        timescaledb = _install_timescaledb(server)
        if timescaledb:
            server.execute("SELECT timescaledb_pre_restore()")
    try:
        _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", str(file))
    finally:
        with _connect() as server:
            if timescaledb:
                server.execute("SELECT timescaledb_post_restore()")
    with _connect() as server:
        server.execute("ANALYZE")


def who_is_working(client: "redis.Redis") -> list[str]:
    """Which processes of the product were at work a moment ago.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    ages = heartbeat_ages(client, server_time_ms(client))
    working = [name for name, age in ages.items() if age is not None and age < SILENCE_SECONDS]
    return [*(["collector"] if pipeline_status(client).collectors else []), *working]


def forget_state(client: "redis.Redis") -> int:
    """Deletes what the scorer remembers of sessions; returns how many keys.

    What is unread in the platform's streams stays, and so do dead letters and counters.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    places = {id(place): place for place in (client, cluster_client(client))}.values()
    return sum(map(_forget_state_at, places))


def _forget_state_at(client: "redis.Redis") -> int:
    kept = {keys.DEAD_LETTERS.encode(), keys.COUNTERS.encode(), keys.COLLECTOR_TOTALS.encode()}
    names = set(client.scan_iter("engagement:*", count=1_000)) - kept
    for name in names:
        client.unlink(name)
    return len(names)


def _parameters() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert")
    wanted = {name: parameters[name] for name in names if parameters.get(name)}
    return {**wanted, "connect_timeout": CONNECT_SECONDS}


def _connect() -> "psycopg.Connection[Any]":
    try:
        return psycopg.connect(**_parameters(), autocommit=True)
    except psycopg.OperationalError as error:
        raise BackupError(f"The database does not answer: {error}") from error


def _is_empty(server: "psycopg.Connection[Any]") -> bool:
    row = server.execute("SELECT to_regclass('django_migrations') IS NULL").fetchone()
    return bool(row and row[0])


def _empty(server: "psycopg.Connection[Any]") -> None:
    server.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
    server.execute("DROP SCHEMA public CASCADE")
    server.execute("CREATE SCHEMA public")


def _install_timescaledb(server: "psycopg.Connection[Any]") -> bool:
    query = "SELECT FROM pg_available_extensions WHERE name = 'timescaledb'"
    if server.execute(query).fetchone() is None:
        return False
    server.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return True


def _run(program: str, *arguments: str, connect: bool = True) -> None:
    parameters = _parameters()
    # Not on the command line, where every user of the machine could read it.
    environment = {**os.environ, "PGPASSWORD": parameters.pop("password", "")}
    options = [f"--dbname={make_conninfo(**parameters)}"] if connect else []
    result = subprocess.run(  # noqa: S603
        [_program(program), *options, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["it gave no reason"]
        raise BackupError(f"{program} failed: {lines[-1]}")


def _program(name: str) -> str:
    """The wheel's, which suits every older server too, or the system's."""
    try:
        return str(postgresql.program(name))
    except RuntimeError:
        found = shutil.which(name)
    if found is None:
        raise BackupError(f"There is no {name} here: install PostgreSQL's client programs.")
    return found
