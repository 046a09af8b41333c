"""``python -m engagement_conductor.web_server``: takes the arguments of ``daphne``."""

import os
import resource

from engagement_conductor.web_server.server import WebServer

from daphne.cli import CommandLineInterface  # isort:skip - after the reactor was chosen


class Command(CommandLineInterface):
    """Daphne's command, with our server."""

    server_class = WebServer


def allow_all_descriptors() -> None:
    """Every connection takes one, and the usual limit of 1,024 is for programs that open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def wait_briefly_for_locks() -> None:
    """A page that waits for a lock keeps a connection from others; the scorer may be patient."""
    # Docker compose passes an empty one where none is set.
    os.environ["DATABASE_LOCK_MS"] = os.environ.get("DATABASE_LOCK_MS") or "2000"


if __name__ == "__main__":
    allow_all_descriptors()
    wait_briefly_for_locks()
    Command.entrypoint()
