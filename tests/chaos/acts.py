"""Acts: the product under one kind of fault, from an empty data folder to the comparison."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import servers
from tests.chaos import faults
from tests.chaos.campaign import Outcome, run_campaign
from tests.chaos.clock import FakeClock
from tests.chaos.disk import small_disk
from tests.chaos.poison import VICTIM, Poisons
from tests.chaos.proxy import Proxy
from tests.chaos.stack_run import StackRun, running_stack
from tests.chaos.verification import Report
from tests.chaos.viewer import Viewer, open_browser

VERIFICATION_SECONDS = 600
MINUTE = 60

Say = Callable[[str], None]
Choose = Callable[[Sequence[faults.Fault]], list[faults.Fault]]


class Result(msgspec.Struct):
    """The result of an act.

    Attributes:
        act: its name.
        outcomes: the outcome of each fault.
        report: comparison of the stored data with the expected data.
    """

    act: str
    outcomes: list[Outcome]
    report: Report

    @property
    def is_good(self) -> bool:
        return self.report.is_exact and all(outcome.is_good for outcome in self.outcomes)


def processes(directory: Path, chromium: str, choose: Choose, say: Say) -> Result | None:
    """Kills, freezes and duplicates processes and servers, and fills the database's disk."""
    data_folder = _data_folder(directory)
    with ExitStack() as stacked:
        disk = stacked.enter_context(small_disk(directory / "disk"))
        if disk is None:
            say("Only root can fill a disk: skipping that fault.")
        else:
            disk.hold_database_of(data_folder)
        chosen = choose(faults.everything(disk))
        if not chosen:
            return None
        stack = stacked.enter_context(running_stack(data_folder))
        return _perform("processes", stack, chromium, chosen, say)


def network(directory: Path, chromium: str, choose: Choose, say: Say) -> Result | None:
    """Cuts and stalls connections to the servers."""
    data_folder = _data_folder(directory)
    with ExitStack() as stacked:
        urls = stacked.enter_context(servers.running_pair(data_folder))
        proxies = {name: stacked.enter_context(_proxy(url)) for name, url in urls.items()}
        chosen = choose(
            [
                fault(name, proxy)
                for name, proxy in proxies.items()
                for fault in (faults.cut, faults.held)
            ]
        )
        if not chosen:
            return None
        through = {
            f"{name.upper()}_URL": urls[name].replace(f":{_port(urls[name])}", f":{proxy.port}")
            for name, proxy in proxies.items()
        }
        stack = stacked.enter_context(running_stack(data_folder, through))
        return _perform("network", stack, chromium, chosen, say)


def clocks(directory: Path, chromium: str, choose: Choose, say: Say) -> Result | None:
    """Sets the clock of all processes a minute ahead, and back again."""
    clock = FakeClock(directory)
    if not clock.is_possible():
        say("No C compiler (cc): skipping the clock.")
        return None
    chosen = choose([faults.moved(clock, MINUTE), faults.moved(clock, 0)])
    if not chosen:
        return None
    clock.make()
    with running_stack(_data_folder(directory), clock.environment) as stack:
        return _perform("clock", stack, chromium, chosen, say, clock)


def poison(directory: Path, chromium: str, choose: Choose, say: Say) -> Result | None:
    """Injects malformed blobs, entries, sessions and cookies."""
    poisons = Poisons()
    chosen = choose(poisons.everything())
    if not chosen:
        return None
    with running_stack(_data_folder(directory)) as stack:
        return _perform("poison", stack, chromium, chosen, say, poisons=poisons)


def _perform(
    act: str,
    stack: StackRun,
    chromium: str,
    chosen: Sequence[faults.Fault],
    say: Say,
    clock: FakeClock | None = None,
    poisons: Poisons | None = None,
) -> Result:
    with open_browser(chromium) as browser:
        viewer = Viewer(browser, stack, clock.now_ms) if clock else Viewer(browser, stack)
        outcomes = run_campaign(stack, viewer, chosen, say)
        say("Comparing the stored data with what was posted")
        arguments = ["--totals-only"] if clock else []
        if poisons:
            arguments += ["--victims", VICTIM, "--bad-payloads", str(poisons.bad_payloads)]
        return Result(act, outcomes, _verify(stack, arguments))


def _verify(stack: StackRun, arguments: list[str]) -> Report:
    result = subprocess.run(
        [sys.executable, "-m", "tests.chaos.verification", *arguments],
        cwd=BASE_DIR,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=VERIFICATION_SECONDS,
    )
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return msgspec.json.decode(result.stdout.splitlines()[-1], type=Report)


def _data_folder(directory: Path) -> Path:
    folder = directory / "data"
    folder.mkdir()
    return folder


def _proxy(url: str) -> Proxy:
    return Proxy(_port(url))


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
