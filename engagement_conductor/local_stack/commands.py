"""The command lines of the stack's processes, which are configured through the environment."""

import os
import socket
import sys

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack.processes import Launch

# Other stacks may share the Redis server, so the names identify this one.
INSTANCE = f"stack-{socket.gethostname()}-{os.getpid()}"
COLLECTOR = INSTANCE
WORKER = f"{INSTANCE}@engagement"


def manage(*arguments: str) -> list[str]:
    """``manage.py``, run by the current Python interpreter."""
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


def migrate() -> list[str]:
    return manage("migrate", "--noinput", "--verbosity", "0")


def create_demo_users() -> list[str]:
    return manage("create_demo_users")


def create_admin(name: str) -> list[str]:
    """Creates an admin and prints the name and a generated password."""
    return manage("create_admin", name)


def processes(port: int, demo: bool) -> dict[str, Launch]:
    """The processes of the product by name, in start order."""
    commands = {
        "web": _web(port),
        "collector": manage("collect_events", "--name", COLLECTOR),
        "worker": _worker(),
        "beat": _beat(),
    }
    if demo:
        commands["conference"] = manage("simulate_conference")
    return {
        name: Launch(name=name, arguments=arguments, directory=BASE_DIR)
        for name, arguments in commands.items()
    }


def _web(port: int) -> list[str]:
    application = "engagement_conductor.asgi:application"
    address = ["-b", "127.0.0.1", "-p", str(port)]
    return [
        sys.executable,
        "-m",
        "engagement_conductor.web_server",
        "-v",
        "0",
        *address,
        application,
    ]


def _worker() -> list[str]:
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return [*_celery("worker"), "--concurrency", "2", "-Q", "engagement", "-n", WORKER, *quiet]


def _beat() -> list[str]:
    return [*_celery("beat"), "--pidfile=", "--loglevel", "INFO"]


def _celery(command: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "engagement_conductor", command]
