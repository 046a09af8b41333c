"""Ends the process groups of an owner that died without cleaning up, for instance by ``kill -9``.

The owner runs this file as a script, by path, so that no package of the project is loaded. It lists
the running groups on standard input, one per line: ``+<group> <signal>`` and ``-<group>``. End of
input means that the owner has died; every group still listed is then ended.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    # It runs in its own session, out of the terminal's reach. Signals sent to it by name are
    # ignored: they must not remove the owner's safety net.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        update(groups, line)
    end(groups)


def update(groups: dict[int, int], line: str) -> None:
    """Applies one line of the owner to ``groups`` (group -> stop signal)."""
    group, _, stop_signal = line[1:].strip().partition(" ")
    if line.startswith("+"):
        groups[int(group)] = int(stop_signal)
    else:
        groups.pop(int(group), None)


def end(groups: dict[int, int]) -> None:
    """Sends every group its stop signal, and kills what is left after the grace period."""
    remaining = [group for group, number in groups.items() if send(group, number)]
    deadline = time.monotonic() + GRACE_SECONDS
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = [group for group in remaining if send(group, 0)]
    for group in remaining:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Signals a process group; False if it has no processes left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
