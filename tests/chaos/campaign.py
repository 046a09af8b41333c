"""Runs one fault after another on a running product, and watches the dashboard recover."""

import time
from collections.abc import Callable, Sequence

import msgspec

from tests.chaos.faults import Fault
from tests.chaos.stack_run import ChaosError, StackRun
from tests.chaos.viewer import Viewer

CURRENT_SECONDS = 10.0
# Wait much longer than allowed for the page to become current, to see whether it ever does.
GIVE_UP_SECONDS = 120.0
BETWEEN_SECONDS = 7.0


class Outcome(msgspec.Struct):
    """The outcome of a fault.

    Attributes:
        fault: its name.
        lasted_s: seconds until it was over and all processes were running again.
        current_s: seconds from then until the dashboard was current; None if it never was.
        problem: what went wrong, if anything.
    """

    fault: str
    lasted_s: float
    current_s: float | None
    problem: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problem and self.current_s is not None and self.current_s <= CURRENT_SECONDS


def run_campaign(
    stack: StackRun, viewer: Viewer, faults: Sequence[Fault], report: Callable[[str], None]
) -> list[Outcome]:
    """Runs the faults in turn, each after the product has recovered from the previous one."""
    viewer.wait_until_current(GIVE_UP_SECONDS)
    outcomes = []
    for number, fault in enumerate(faults, 1):
        viewer.watch(BETWEEN_SECONDS)
        outcome = _run(stack, viewer, fault)
        outcomes.append(outcome)
        current = "never" if outcome.current_s is None else f"{outcome.current_s:.1f} s"
        report(
            f"{number} of {len(faults)}: {fault.name}: over after {outcome.lasted_s:.1f} s, "
            f"current again after {current} {outcome.problem}"
        )
    return outcomes


def _run(stack: StackRun, viewer: Viewer, fault: Fault) -> Outcome:
    start = time.monotonic()
    outcome = Outcome(fault.name, 0.0, None)
    try:
        fault.run(stack, viewer.watch)
        outcome.lasted_s = time.monotonic() - start
        outcome.current_s = viewer.wait_until_current(GIVE_UP_SECONDS)
    except ChaosError as error:
        outcome.problem = str(error)
    return outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a Markdown table."""
    lines = ["| fault | over after | dashboard current | |", "| --- | ---: | ---: | --- |"]
    for outcome in outcomes:
        current = "never" if outcome.current_s is None else f"{outcome.current_s:.1f} s"
        verdict = "" if outcome.is_good else f"**{outcome.problem or 'late'}**"
        lines.append(f"| {outcome.fault} | {outcome.lasted_s:.1f} s | {current} | {verdict} |")
    return "\n".join(lines)
