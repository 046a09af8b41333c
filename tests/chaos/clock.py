"""A settable clock for the processes started with it."""

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("clock_shim.c")


@dataclass
class FakeClock:
    """The wall clock of processes with its environment; their monotonic clock is unaffected.

    Args:
        directory: folder for the offset file and the preloaded library.

    Attributes:
        ahead_s: seconds ahead of the true time.
    """

    directory: Path
    ahead_s: int = field(default=0, init=False)

    @staticmethod
    def is_possible() -> bool:
        """Whether there is a C compiler to build the preloaded library."""
        return shutil.which("cc") is not None

    def make(self) -> None:
        """Compiles the preloaded library; the clock shows the true time."""
        self._file.write_bytes(bytes(8))
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE)]
        subprocess.run(command, check=True, timeout=60)

    def set(self, ahead_s: int) -> None:
        """Sets it ``ahead_s`` seconds ahead of the true time, for all its processes at once."""
        self.ahead_s = ahead_s
        with self._file.open("r+b", buffering=0) as file:
            file.write(ahead_s.to_bytes(8, "little", signed=True))

    def now_ms(self) -> float:
        """Its Unix time in milliseconds."""
        return (time.time() + self.ahead_s) * 1000

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "CLOCK_AHEAD_FILE": str(self._file)}

    @property
    def _file(self) -> Path:
        return self.directory / "clock"

    @property
    def _library(self) -> Path:
        return self.directory / "clock.so"
