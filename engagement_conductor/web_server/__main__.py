"""``python -m engagement_conductor.web_server``: takes the arguments of ``daphne``."""

import os
import resource

from engagement_conductor.web_server.server import WebServer

from daphne.cli import CommandLineInterface  # isort:skip - after the reactor was chosen


class Command(CommandLineInterface):
    """Daphne's command line with our server."""

    server_class = WebServer


def raise_descriptor_limit() -> None:
    """Raises the soft limit to the hard one: each connection takes a descriptor.

    The usual soft limit of 1,024 is a compatibility default for programs that call ``select``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def shorten_lock_timeout() -> None:
    """Lets a page give up on a lock sooner than the scorer: it keeps others from its connection."""
    # Docker Compose sets the variable to "" where nobody has set it.
    os.environ["DATABASE_LOCK_MS"] = os.environ.get("DATABASE_LOCK_MS") or "2000"


if __name__ == "__main__":
    raise_descriptor_limit()
    shorten_lock_timeout()
    Command.entrypoint()
