"""The product's web server, on the benchmarks' database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from engagement_conductor.local_stack import commands, ports
from engagement_conductor.local_stack.processes import Launch, Process, wait_until

START_SECONDS = 60.0


class WebServer(NamedTuple):
    """A running server.

    Attributes:
        port: its local port.
        pid: its process ID.
    """

    port: int
    pid: int


@contextmanager
def running_web_server() -> Iterator[WebServer]:
    """Serves until the block ends."""
    port = ports.find_free()
    environment = {**os.environ, "DATABASE_URL": database_url()}
    arguments = commands.processes(port, demo=False)["web"].arguments
    launch = Launch("web", arguments, environment, settings.BASE_DIR)
    process = Process(launch, Path(settings.DATA_DIR) / "logs")
    try:
        if not wait_until(lambda: not ports.is_free(port), process, START_SECONDS):
            raise RuntimeError(f"The web server did not start:\n{process.last_lines()}")
        yield WebServer(port, process.pid)
    finally:
        process.stop()


def database_url() -> str:
    """The address of the scratch database that this process uses."""
    database = connection.settings_dict
    user, password = (quote(str(database[name]), safe="") for name in ("USER", "PASSWORD"))
    host, port, name = (database[part] for part in ("HOST", "PORT", "NAME"))
    return f"postgresql://{user}:{password}@{host}:{port}/{name}"
