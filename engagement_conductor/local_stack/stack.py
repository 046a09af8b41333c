"""The whole product on one machine: ``python -m engagement_conductor.local_stack.stack``.

Starts an embedded server for each URL that is not set, migrates the database, starts the web
server, collector, worker and beat, prints ``Ready: ...`` when all of them respond, and keeps them
running until it is told to stop. ``make up`` and ``make demo`` run this.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ImproperlyConfigured

from engagement_conductor.configuration import env
from engagement_conductor.local_stack import commands as stack_commands
from engagement_conductor.local_stack import ports, reachability, servers
from engagement_conductor.local_stack.log_losses import LogLossReporter
from engagement_conductor.local_stack.one_shot import CommandFailedError, run_once
from engagement_conductor.local_stack.reachability import UnreachableError
from engagement_conductor.local_stack.readiness import Readiness
from engagement_conductor.local_stack.supervisor import Supervisor
from sessions_app.telemetry.masking import masked

START_SECONDS = 120.0
STEP_SECONDS = 0.1


class StackError(Exception):
    """The stack cannot start; the message is for the user."""


START_ERRORS = (
    StackError,
    UnreachableError,
    CommandFailedError,
    ImproperlyConfigured,
    RuntimeError,
    OSError,
)


class StopRequested(Exception):  # noqa: N818 - not an error
    """The user asked the stack to stop."""


def main() -> int:
    """Runs the stack. Returns 0 after a clean stop, 1 when it could not start."""
    stack = Stack(_read_arguments())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stack.ask_to_stop)
    try:
        stack.run()
    except StopRequested:
        return 0
    except START_ERRORS as error:
        print(f"Cannot start: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        stack.stop()
    return 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m engagement_conductor.local_stack.stack", description=__doc__
    )
    parser.add_argument("--demo", action="store_true", help="with a simulated conference")
    parser.add_argument("--admin", metavar="NAME", help="create this admin and print a password")
    return parser.parse_args()


def report(line: str) -> None:
    """Prints one line for the user, unbuffered even if the output is a pipe."""
    # A closed terminal or a full disk must not stop the stack.
    with suppress(OSError):
        print(line, flush=True)


class Stack:
    """One run of the stack with one data folder."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.data_dir = env.data_dir()
        self.supervisor = Supervisor(self.data_dir / "logs", report)
        self._log_losses = LogLossReporter(self.supervisor)
        self._stopping = False
        self._parent = os.getppid()
        self._lock: IO[str] | None = None
        self._embedded: set[str] = set()

    def ask_to_stop(self, *_: Any) -> None:
        """Signal handler; takes effect at the next :meth:`pause`."""
        self._stopping = True

    def run(self) -> None:
        """Runs the stack from the first check until a stop is requested."""
        self.port = env.read_integer("PORT", 8000, 1, 65535)
        self._lock = lock(self.data_dir)
        if not ports.is_free(self.port):
            raise StackError(
                f"port {self.port} is in use. Stop what is listening there, or choose another: "
                f"PORT={self.port % 65535 + 1} make up."
            )
        self._start_servers()
        self._prepare_database()
        self._start_processes()
        self._wait_until_ready()
        redis_url, database_url = (
            self._displayed_url("REDIS_URL"),
            self._displayed_url("DATABASE_URL"),
        )
        report(f"Ready: http://127.0.0.1:{self.port}/ redis={redis_url} database={database_url}")
        while True:
            self.pause(STEP_SECONDS)

    def _displayed_url(self, variable: str) -> str:
        """A server's URL as shown to the user; only an embedded server's has its password."""
        url = os.environ[variable]
        return url if variable in self._embedded else masked(url)

    def stop(self) -> None:
        """Stops every process. Further stop requests have no effect meanwhile."""
        self.supervisor.stop()
        if self._lock is not None:
            self._lock.close()
            report("Stopped.")

    def pause(self, seconds: float) -> None:
        """Sleeps while supervising the processes; raises StopRequested when asked to stop."""
        deadline = time.monotonic() + seconds
        while True:
            # `make` was killed without passing a signal on: the stack must not be left running.
            if self._stopping or ("MAKELEVEL" in os.environ and os.getppid() != self._parent):
                raise StopRequested
            self.supervisor.check()
            self._log_losses.report()
            if time.monotonic() >= deadline:
                return
            time.sleep(min(STEP_SECONDS, seconds))

    def _start_servers(self) -> None:
        self._provide("DATABASE_URL", servers.postgresql, reachability.wait_for_database)
        self._provide("REDIS_URL", servers.valkey, reachability.wait_for_redis)
        os.environ.setdefault("PUBLIC_URL", f"http://127.0.0.1:{self.port}")
        os.environ |= {"PORT": str(self.port), "DATA_DIR": str(self.data_dir)}
        os.environ["PYTHONUNBUFFERED"] = "1"

    def _provide(
        self,
        variable: str,
        make_server: Callable[[Path], servers.Server],
        wait: Callable[[str, Callable[[float], None]], None],
    ) -> None:
        """Waits for the server of a URL variable, or starts the embedded one if it is not set."""
        if url := os.environ.get(variable):
            limit = f"for at most {reachability.WAIT_SECONDS:.0f} s"
            report(f"Waiting for the server of {variable}, {limit} ...")
            return wait(url, self.pause)
        server = make_server(self.data_dir)
        launch = server.launch()
        report(f"Starting {launch.name} on port {server.port} ...")
        self.supervisor.start(launch)
        self._wait_for(server.answers, launch.name, servers.START_SECONDS)
        name = {"DATABASE_URL": "database", "REDIS_URL": "redis"}[variable]
        servers.save_urls(self.data_dir, {name: server.url})
        os.environ[variable] = server.url
        self._embedded.add(variable)
        if variable == "REDIS_URL":
            # No other system reads the streams of this server, so they can be kept short.
            os.environ.setdefault("STREAM_RETENTION_MINUTES", "60")
        return None

    def _prepare_database(self) -> None:
        from django.conf import settings

        _ = settings.DATABASES  # validates every variable before anything is migrated
        report("Migrating the database ...")
        self._run_once(stack_commands.migrate())
        if name := self.arguments.admin:
            line = self._run_once(stack_commands.create_admin(name))
            report(line or f"Admin {name} already exists; the password is unchanged.")
        if self.arguments.demo:
            report(self._run_once(stack_commands.create_demo_users()))

    def _run_once(self, arguments: list[str]) -> str:
        return run_once(arguments, self.data_dir / "logs", self.pause)

    def _start_processes(self) -> None:
        commands = stack_commands.processes(self.port, self.arguments.demo)
        report(f"Starting {', '.join(commands)} ...")
        for launch in commands.values():
            self.supervisor.start(launch)

    def _wait_until_ready(self) -> None:
        readiness = Readiness(self.port)
        for name, answers in readiness.checks.items():
            self._wait_for(answers, name, START_SECONDS)
            report(f"{name} is ready.")

    def _wait_for(self, answers: Callable[[], bool], name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not answers():
            if time.monotonic() > deadline:
                raise StackError(
                    f"{name} did not respond within {seconds:.0f} s. The end of its log:\n"
                    f"{self.supervisor.last_lines(name)}"
                )
            self.pause(STEP_SECONDS)


def lock(data_dir: Path) -> IO[str]:
    """Locks a data folder against other stacks until the file is closed or the process ends.

    Raises:
        StackError: another stack holds the lock, or the folder cannot be used.
    """
    try:
        servers.prepare_data_folder(data_dir)
        descriptor = os.open(data_dir / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "a+", encoding="utf-8")
    except OSError as error:
        raise StackError(
            f"the data folder {data_dir} cannot be used: {error.strerror}. "
            "Set DATA_DIR to another folder."
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise StackError(
            f"another stack (process {owner}) runs on the data folder {data_dir}. Stop it "
            "first, or set DATA_DIR to another folder."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


if __name__ == "__main__":
    sys.exit(main())
