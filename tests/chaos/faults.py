"""What is done to the running product. Each fault returns when it has passed."""

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
# The supervisor waits at most ten seconds, and a server that crashed reads its journal.
RESTART_SECONDS = 60.0

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Fault:
    """A disturbance.

    Attributes:
        name: what is done to whom.
        run: does it, and returns when it is over; takes the stack and what to do meanwhile.
    """

    name: str
    run: Callable[[StackRun, Watch], None]


def killed(*names: str) -> Fault:
    """``kill -9`` at once; over when the supervisor has started all of them again."""

    def run(stack: StackRun, watch: Watch) -> None:
        gone = {name: stack.kill(name) for name in names}
        for name, pid in gone.items():

            def is_back(name: str = name, pid: int = pid) -> bool:
                watch(0)
                return stack.pid(name) not in (None, pid)

            wait_for(is_back, f"{name} is started again", RESTART_SECONDS)

    return Fault(f"kill -9 {' and '.join(names)}", run)


def frozen(name: str, seconds: float = FREEZE_SECONDS) -> Fault:
    """SIGSTOP to a process and all that it has started, and SIGCONT later."""

    def run(stack: StackRun, watch: Watch) -> None:
        stack.signal_group(name, signal.SIGSTOP)
        try:
            watch(seconds)
        finally:
            stack.signal_group(name, signal.SIGCONT)

    return Fault(f"SIGSTOP {name} for {seconds:g} s", run)


def doubled(*names: str) -> Fault:
    """A second process of each kind at work for a while, ended with ``kill -9``."""

    def run(stack: StackRun, watch: Watch) -> None:
        with ExitStack() as running:
            for name in names:
                process = start_another(stack, name)
                running.callback(process.stop, 0)
            watch(SECOND_SECONDS)

    return Fault(f"a second {' and '.join(names)}", run)


def start_another(stack: StackRun, name: str) -> Process:
    """One more process of a kind beside the one of the stack."""
    launch = commands.processes(stack.port, demo=False)[name]
    launch = replace(launch, name=f"second {name}", environment=stack.environment)
    return Process(launch, stack.directory / "logs")


def full_disk(disk: SmallDisk) -> Fault:
    """Nothing more can be written to the disk of the database for a while."""

    def run(stack: StackRun, watch: Watch) -> None:
        with disk.filled():
            watch(FULL_SECONDS)

        def is_back() -> bool:
            watch(0)
            return stack.pid("database") is not None

        wait_for(is_back, "the database is started again", RESTART_SECONDS)

    return Fault(f"disk of the database full for {FULL_SECONDS:g} s", run)


def cut(name: str, proxy: Proxy) -> Fault:
    """Every connection to a server is reset, at once."""

    def run(stack: StackRun, watch: Watch) -> None:
        proxy.cut()
        watch(0)

    return Fault(f"connections to the {name} cut", run)


def held(name: str, proxy: Proxy, seconds: float = FREEZE_SECONDS) -> Fault:
    """Nothing passes between the product and a server for a while, and nobody is told."""

    def run(stack: StackRun, watch: Watch) -> None:
        with proxy.held():
            watch(seconds)

    return Fault(f"connections to the {name} silent for {seconds:g} s", run)


def moved(clock: FakeClock, ahead_s: int) -> Fault:
    """The clock of all processes and servers is set.

    Over, when it is set back, as soon as it shows again what it has shown before: until then no
    tick ends.
    """

    def run(stack: StackRun, watch: Watch) -> None:
        back_s = clock.ahead_s - ahead_s
        clock.set(ahead_s)
        watch(max(back_s, 0))

    return Fault(f"clock {ahead_s:+d} s from the true time", run)


def everything(disk: SmallDisk | None) -> list[Fault]:
    """Each process killed alone and in pairs, frozen, doubled, and the disk filled."""
    faults = [killed(name) for name in PARTS]
    faults += [killed(*pair) for pair in itertools.combinations(PARTS, 2)]
    faults += [frozen(name) for name in PARTS]
    faults.append(doubled("beat", "worker"))
    faults.append(doubled("collector"))
    if disk is not None:
        faults.append(full_disk(disk))
    return faults
