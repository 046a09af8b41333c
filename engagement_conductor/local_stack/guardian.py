"""Ends process groups whose owner died without doing so itself, for instance by ``kill -9``.

The owner runs this file as a script, by its path and with no package of the project loaded, and
tells it on standard input which groups live: ``+<group> <signal>`` and ``-<group>``, one a line.
When the input ends, the owner is gone, and so must be the groups that it left.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    # In a session of its own the terminal does not reach it; whoever signals it by name must not
    # take the owner's safety net away.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        follow(line, groups)
    end(groups)


def follow(line: str, groups: dict[int, int]) -> None:
    """Notes in ``groups`` (group -> gentle signal) what the owner said."""
    group, _, gentle_signal = line[1:].strip().partition(" ")
    if line.startswith("+"):
        groups[int(group)] = int(gentle_signal)
    else:
        groups.pop(int(group), None)


def end(groups: dict[int, int]) -> None:
    """Asks every group to end, and kills what is left after a grace period."""
    left = [group for group, number in groups.items() if send(group, number)]
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [group for group in left if send(group, 0)]
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Signals a process group; False when it has no process any more."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
