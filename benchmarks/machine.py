"""The machine of a measurement, without which its results mean nothing."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple


class Machine(NamedTuple):
    """The machine of a run.

    Attributes:
        processor: its name.
        cores: number that this process may use.
        memory: in bytes.
        system, python: name and version; version.
        date: start of the run, in UTC.
        load: load average over the minute before: what else kept the machine busy.
    """

    processor: str
    cores: int
    memory: int
    system: str
    python: str
    date: str
    load: float

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores, {self.memory / 2**30:.0f} GiB, {self.system}, "
            f"Python {self.python}, {self.date}, load average {self.load:.1f} before"
        )


def this_machine() -> Machine:
    """The machine this process runs on."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    """The name of the processor; Linux gives more detail than Python."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
