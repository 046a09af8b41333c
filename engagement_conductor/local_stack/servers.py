"""The embedded servers: PostgreSQL and Valkey on this machine, without installation.

The data folder holds their data and ``servers.json``, from which the settings take the URLs when
none are given: ``{"database": "postgresql://...", "redis": "redis://..."}``.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from engagement_conductor.configuration import env
from engagement_conductor.configuration.private_files import private_folder, stored_secret
from engagement_conductor.local_stack import ports
from engagement_conductor.local_stack.postgresql import PostgreSQL, runs_as_another_user
from engagement_conductor.local_stack.processes import Process, wait_until
from engagement_conductor.local_stack.valkey import Valkey

Server = PostgreSQL | Valkey

START_SECONDS = 60.0
ATTEMPTS = 3


def postgresql(data_dir: Path) -> PostgreSQL:
    """The database server of a data folder, on its previous port if that is free."""
    return PostgreSQL(
        directory=data_dir / "postgresql",
        port=_port(data_dir, "database"),
        password=stored_secret(data_dir / "postgresql_password"),
    )


def valkey(data_dir: Path) -> Valkey:
    """The Redis server of a data folder, on its previous port if that is free."""
    return Valkey(directory=data_dir / "valkey", port=_port(data_dir, "redis"))


def prepare_data_folder(data_dir: Path) -> None:
    """Creates the data folder; the default one of this checkout is made private.

    A folder named in ``DATA_DIR`` may hold other files of the user, so it keeps its permissions.

    Raises:
        OSError: it cannot be created or made private.
    """
    if not env.is_default_data_dir(data_dir):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    # A server that runs as another user must be able to traverse it.
    private_folder(data_dir, 0o711 if runs_as_another_user() else 0o700)


def save_urls(data_dir: Path, urls: Mapping[str, str]) -> None:
    """Updates ``servers.json``, which only its owner can read; URLs not given are kept."""
    path = data_dir / "servers.json"
    temporary = data_dir / f"servers.json.{os.getpid()}"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({**_saved_urls(data_dir), **urls}, file, indent=2)
    temporary.replace(path)


@contextmanager
def running(server: Server, log_directory: Path) -> Iterator[Server]:
    """Runs the server until the block ends; moves to another port if its own has been taken.

    Raises:
        RuntimeError: it does not start; the message includes the end of its log.
    """
    process, server = _start(server, log_directory)
    try:
        yield server
    finally:
        process.stop()


@contextmanager
def running_pair(data_dir: Path) -> Iterator[dict[str, str]]:
    """Runs both servers of a data folder until the block ends; gives their URLs by name."""
    prepare_data_folder(data_dir)
    with ExitStack() as servers:
        database = servers.enter_context(running(postgresql(data_dir), data_dir / "logs"))
        redis = servers.enter_context(running(valkey(data_dir), data_dir / "logs"))
        urls = {"database": database.url, "redis": redis.url}
        save_urls(data_dir, urls)
        yield urls


def _start(server: Server, log_directory: Path) -> tuple[Process, Server]:
    for _ in range(ATTEMPTS):
        process = Process(server.launch(), log_directory)
        if wait_until(server.answers, process, START_SECONDS):
            return process, server
        process.stop()
        # Another process may have taken the port since it was chosen.
        server = _on_another_port(server)
        time.sleep(0.1)
    raise RuntimeError(f"{process.launch.name} does not start:\n{process.last_lines()}")


def _on_another_port(server: Server) -> Server:
    port = ports.find_free()
    if isinstance(server, Valkey):
        return Valkey(server.directory, port, server.persistent, server.options)
    return PostgreSQL(server.directory, port, server.password, server.options)


def _port(data_dir: Path, name: str) -> int:
    try:
        port = urlsplit(_saved_urls(data_dir).get(name, "")).port
    except ValueError:
        port = None
    return port if port and ports.is_free(port) else ports.find_free()


def _saved_urls(data_dir: Path) -> dict[str, str]:
    try:
        urls = json.loads((data_dir / "servers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return urls if isinstance(urls, dict) else {}
