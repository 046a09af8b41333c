"""The faults injected into the running product. Each returns when it is over."""

import itertools
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from engagement_conductor.local_stack import commands
from engagement_conductor.local_stack.processes import Process
from tests.chaos.clock import FakeClock
from tests.chaos.disk import SmallDisk
from tests.chaos.proxy import Proxy
from tests.chaos.stack_run import StackRun, wait_for

PARTS = ("collector", "worker", "beat", "web", "database", "redis")
FREEZE_SECONDS = 30.0
SECOND_SECONDS = 25.0
FULL_SECONDS = 20.0
# The supervisor's backoff is at most ten seconds, and a crashed server replays its journal.
RESTART_SECONDS = 60.0

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what is done, and to what.
        run: injects it and returns when it is over; takes the stack and a function that watches
            the page for some seconds.
    """

    name: str
    run: Callable[[StackRun, Watch], None]


def killed(*names: str) -> Fault:
    """Simultaneous ``kill -9``; over when the supervisor has restarted all of them."""

    def run(stack: StackRun, watch: Watch) -> None:
        gone = {name: stack.kill(name) for name in names}
        for name, pid in gone.items():

            def is_back(name: str = name, pid: int = pid) -> bool:
                watch(0)
                return stack.pid(name) not in (None, pid)

            wait_for(is_back, f"{name} is restarted", RESTART_SECONDS)

    return Fault(f"kill -9 {' and '.join(names)}", run)


def frozen(name: str, seconds: float = FREEZE_SECONDS) -> Fault:
    """SIGSTOP to a process and its children, and SIGCONT later."""

    def run(stack: StackRun, watch: Watch) -> None:
        stack.signal_group(name, signal.SIGSTOP)
        try:
            watch(seconds)
        finally:
            stack.signal_group(name, signal.SIGCONT)

    return Fault(f"SIGSTOP {name} for {seconds:g} s", run)


def doubled(*names: str) -> Fault:
    """A second process of each kind for a while, ended with ``kill -9``."""

    def run(stack: StackRun, watch: Watch) -> None:
        with ExitStack() as running:
            for name in names:
                process = start_another(stack, name)
                running.callback(process.stop, 0)
            watch(SECOND_SECONDS)

    return Fault(f"a second {' and '.join(names)}", run)


def start_another(stack: StackRun, name: str) -> Process:
    """Starts another process of a kind in addition to that of the stack."""
    launch = commands.processes(stack.port, demo=False)[name]
    launch = replace(launch, name=f"second {name}", environment=stack.environment)
    return Process(launch, stack.directory / "logs")


def full_disk(disk: SmallDisk) -> Fault:
    """A full disk of the database for a while."""

    def run(stack: StackRun, watch: Watch) -> None:
        with disk.filled():
            watch(FULL_SECONDS)

        def is_back() -> bool:
            watch(0)
            return stack.pid("database") is not None

        wait_for(is_back, "the database is restarted", RESTART_SECONDS)

    return Fault(f"disk of the database full for {FULL_SECONDS:g} s", run)


def cut(name: str, proxy: Proxy) -> Fault:
    """A simultaneous reset of all connections to a server."""

    def run(stack: StackRun, watch: Watch) -> None:
        proxy.cut()
        watch(0)

    return Fault(f"connections to the {name} cut", run)


def held(name: str, proxy: Proxy, seconds: float = FREEZE_SECONDS) -> Fault:
    """Stalled connections between the product and a server for a while, without errors."""

    def run(stack: StackRun, watch: Watch) -> None:
        with proxy.held():
            watch(seconds)

    return Fault(f"connections to the {name} silent for {seconds:g} s", run)


def moved(clock: FakeClock, ahead_s: int) -> Fault:
    """A changed clock of all processes and servers.

    If it is set back, the fault is over when the clock has caught up with its former time: until
    then no tick ends.
    """

    def run(stack: StackRun, watch: Watch) -> None:
        back_s = clock.ahead_s - ahead_s
        clock.set(ahead_s)
        watch(max(back_s, 0))

    return Fault(f"clock {ahead_s:+d} s from the true time", run)


def everything(disk: SmallDisk | None) -> list[Fault]:
    """Each process killed alone and in pairs, frozen and duplicated, and the disk filled."""
    faults = [killed(name) for name in PARTS]
    faults += [killed(*pair) for pair in itertools.combinations(PARTS, 2)]
    faults += [frozen(name) for name in PARTS]
    faults.append(doubled("beat", "worker"))
    faults.append(doubled("collector"))
    if disk is not None:
        faults.append(full_disk(disk))
    return faults
