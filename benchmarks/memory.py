"""Memory use of processes."""

from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, excluding what it shares with others.

    Raises:
        OSError: there is no such process.
    """
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    sizes = dict(line.split(":", 1) for line in text.splitlines()[1:])
    private = (sizes[name] for name in ("Private_Clean", "Private_Dirty"))
    return sum(int(size.split()[0]) * 1024 for size in private)
