"""``python -m engagement_conductor.web_server``: takes the arguments of ``daphne``."""

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


if __name__ == "__main__":
    allow_all_descriptors()
    Command.entrypoint()
