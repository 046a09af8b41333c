"""Database backups with pg_dump and pg_restore, and the extra steps TimescaleDB needs.

The scorer's state on Redis covers only the last minutes and refers to the database's rows. A
restore deletes it, and the scorer starts from scratch.
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

# A running process sends heartbeats more often than this.
SILENCE_SECONDS = 20.0
# A backup may take hours, but connecting must not.
CONNECT_SECONDS = 10


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why."""


def dump(file: Path) -> None:
    """Writes a consistent snapshot of the whole database to a new file.

    Raises:
        BackupError: the file exists, or pg_dump is missing or fails.
    """
    if file.exists():
        raise BackupError(f"{file} exists. Choose another name.")
    # Renamed when complete, so that an interrupted dump is not taken for a backup.
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        # It contains all data: readable by its owner only, from the first byte.
        unfinished.touch(mode=0o600)
        _run("pg_dump", "--format=custom", f"--file={unfinished}")
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(file: Path, replace: bool) -> None:
    """Restores a backup into the database.

    Args:
        file: written by :func:`dump`.
        replace: whether to delete the present contents of the database.

    Raises:
        BackupError: the file does not exist, the database is not empty and ``replace`` is False, or
            pg_restore is missing or fails.
    """
    if not file.is_file():
        raise BackupError(f"{file}: no such file.")
    # Reject a file that is no backup before anything is deleted.
    _run("pg_restore", "--list", str(file), connect=False)
    with _connect() as server:
        if not _is_empty(server):
            if not replace:
                raise BackupError(
                    "The database is not empty. Pass --replace to delete its contents."
                )
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


def active_processes(client: "redis.Redis") -> list[str]:
    """Names of the product's processes that sent a heartbeat within the last 20 s.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    ages = heartbeat_ages(client, server_time_ms(client))
    working = [name for name, age in ages.items() if age is not None and age < SILENCE_SECONDS]
    return [*(["collector"] if pipeline_status(client).collectors else []), *working]


def delete_state(client: "redis.Redis") -> int:
    """Deletes the scorer's state of sessions; returns the number of deleted keys.

    The platform's streams, dead letters and counters stay.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    clients = {id(each): each for each in (client, cluster_client(client))}.values()
    return sum(map(_delete_state_of, clients))


def _delete_state_of(client: "redis.Redis") -> int:
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
    # Not on the command line, which every user of the machine can read.
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
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise BackupError(f"{program} failed: {lines[-1]}")


def _program(name: str) -> str:
    """The wheel's program, which also works with older servers, or else the system's."""
    try:
        return str(postgresql.program(name))
    except RuntimeError:
        found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: install PostgreSQL's client programs.")
    return found
