"""One fault after the other on a running product, and what the dashboard made of each."""

import time
from collections.abc import Callable, Sequence

import msgspec

from tests.chaos.faults import Fault
from tests.chaos.stack_run import ChaosError, StackRun
from tests.chaos.viewer import Viewer

CURRENT_SECONDS = 10.0
# A page that is not current in time is given up only after so long: the rest is to be known, too.
PATIENCE_SECONDS = 120.0
BETWEEN_SECONDS = 7.0


class Outcome(msgspec.Struct):
    """What became of a fault.

    Attributes:
        fault: its name.
        lasted_s: seconds until it had passed: all processes run again.
        current_s: seconds from then until the dashboard was current; None if it never was.
        problem: what went wrong, if something did.
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
    """Runs the faults in turn, each on a product that has recovered from the one before."""
    viewer.wait_until_current(PATIENCE_SECONDS)
    outcomes = []
    for number, fault in enumerate(faults, 1):
        viewer.watch(BETWEEN_SECONDS)
        outcome = _run(stack, viewer, fault)
        outcomes.append(outcome)
        current = "never" if outcome.current_s is None else f"{outcome.current_s:.1f} s"
        report(
            f"{number} of {len(faults)}: {fault.name}: passed after {outcome.lasted_s:.1f} s, "
            f"current again after {current} {outcome.problem}"
        )
    return outcomes


def _run(stack: StackRun, viewer: Viewer, fault: Fault) -> Outcome:
    start = time.monotonic()
    outcome = Outcome(fault.name, 0.0, None)
    try:
        fault.run(stack, viewer.watch)
        outcome.lasted_s = time.monotonic() - start
        outcome.current_s = viewer.wait_until_current(PATIENCE_SECONDS)
    except ChaosError as error:
        outcome.problem = str(error)
    return outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes, for a terminal and for Markdown."""
    lines = ["| fault | passed after | dashboard current | |", "| --- | ---: | ---: | --- |"]
    for outcome in outcomes:
        current = "never" if outcome.current_s is None else f"{outcome.current_s:.1f} s"
        verdict = "" if outcome.is_good else f"**{outcome.problem or 'late'}**"
        lines.append(f"| {outcome.fault} | {outcome.lasted_s:.1f} s | {current} | {verdict} |")
    return "\n".join(lines)
