"""A Valkey that a test may kill."""

from collections.abc import Mapping
from pathlib import Path

from engagement_conductor.local_stack import ports, processes
from engagement_conductor.local_stack.valkey import Valkey


class RestartableValkey:
    """A test's own server, which can be killed and restarted with its data."""

    def __init__(self, directory: Path, options: Mapping[str, str] | None = None) -> None:
        self.server = Valkey(directory, ports.find_free(), options=options or {})
        self.url = self.server.url
        self.process: processes.Process | None = None

    def start(self) -> None:
        self.process = processes.Process(self.server.launch(), self.server.directory)
        assert processes.wait_until(self.server.answers, self.process, 60)

    def kill(self) -> None:
        """Kills the server, like a crash."""
        assert self.process is not None
        self.process.stop(seconds=0)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
