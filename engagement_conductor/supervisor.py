"""Keeps a list of processes running, and ends all of them together."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engagement_conductor.processes import STOP_SECONDS, Launch, Process, guard

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 60.0
REPORT_SECONDS = 60.0


@dataclass
class _Kept:
    """One process that is kept running. While ``process`` is None it waits for ``restart_at``."""

    launch: Launch
    process: Process | None
    delay: float = FIRST_DELAY_SECONDS
    restart_at: float = 0.0
    lost_before: int = 0
    lost_told: int = 0
    problem_told: str = ""
    tell_at: float = 0.0

    @property
    def lost_lines(self) -> int:
        """Lines that are in no log, of all runs of it."""
        return self.lost_before + (self.process.log.lost if self.process else 0)

    @property
    def log_problem(self) -> str:
        """Why its log is not written just now; empty while it is."""
        return self.process.log.problem if self.process else ""


class Supervisor:
    """Starts processes, starts those again that end, and stops them in reverse order.

    Args:
        log_directory: each process writes to ``<name>.log`` there.
        report: takes one line for the user.
    """

    def __init__(self, log_directory: Path, report: Callable[[str], None]) -> None:
        self._log_directory = log_directory
        self._report = report
        self._kept: list[_Kept] = []

    def start(self, launch: Launch) -> None:
        """Starts a process now and keeps it running from then on."""
        self._kept.append(_Kept(launch, Process(launch, self._log_directory)))

    def tend(self) -> None:
        """One step: notices who has ended, and starts again whose time has come."""
        now = time.monotonic()
        guard.tend()
        for kept in self._kept:
            self._tell_of_log(kept, now)
            if kept.process is None:
                if now >= kept.restart_at:
                    self._restart(kept)
            elif (code := kept.process.exit_code()) is not None:
                self._schedule(kept, now, f"ended ({_describe(code)})")

    def lost_lines(self) -> dict[str, int]:
        """How many lines of each process are in no log."""
        return {kept.launch.name: kept.lost_lines for kept in self._kept}

    def log_problems(self) -> dict[str, str]:
        """Why the log of a process is not written just now, for those that are not."""
        return {kept.launch.name: kept.log_problem for kept in self._kept if kept.log_problem}

    def last_lines(self, name: str) -> str:
        """The end of the log of the process of that name."""
        log = self._log_directory / f"{name}.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-5:])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stops everything, the last started first, within ``seconds`` in all."""
        deadline = time.monotonic() + seconds
        for kept in reversed(self._kept):
            if kept.process is not None:
                self._report(f"Stopping {kept.launch.name}.")
                # However late it has become, a server that obeys gets the time to write its data.
                kept.process.stop(max(deadline - time.monotonic(), 1.0))
        self._kept.clear()

    def _tell_of_log(self, kept: _Kept, now: float) -> None:
        """Says what is wrong with a log, or not any more; once a minute at most."""
        state = (kept.lost_lines, kept.log_problem)
        if now < kept.tell_at or state == (kept.lost_told, kept.problem_told):
            return
        lost = kept.lost_lines - kept.lost_told
        what = f"is not written ({kept.log_problem})" if kept.log_problem else "is written"
        missing = f"; {lost} more lines are missing" if lost else ""
        self._report(f"The log of {kept.launch.name} {what}{missing}: {self._log_of(kept)}")
        kept.lost_told, kept.problem_told = state
        kept.tell_at = now + REPORT_SECONDS

    def _log_of(self, kept: _Kept) -> Path:
        return self._log_directory / f"{kept.launch.name}.log"

    def _restart(self, kept: _Kept) -> None:
        try:
            kept.process = Process(kept.launch, self._log_directory)
        except (OSError, RuntimeError) as error:
            self._schedule(kept, time.monotonic(), f"cannot be started ({error})")

    def _schedule(self, kept: _Kept, now: float, what: str) -> None:
        if kept.process is not None and now - kept.process.started_at > STEADY_SECONDS:
            kept.delay = FIRST_DELAY_SECONDS
        kept.lost_before = kept.lost_lines
        kept.process = None
        kept.restart_at = now + kept.delay
        again = f"Starting it again in {kept.delay:g} s: {self._log_of(kept)}"
        self._report(f"{kept.launch.name} {what}. {again}")
        kept.delay = min(kept.delay * 2, LONGEST_DELAY_SECONDS)


def _describe(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
