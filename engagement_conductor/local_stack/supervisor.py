"""Keeps a list of processes running, and ends all of them together."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engagement_conductor.local_stack.processes import STOP_SECONDS, Launch, Process, guard
from engagement_conductor.logs.files import LogFile
from sessions_app.backoff import Backoff

STEADY_SECONDS = 60.0
REPORT_SECONDS = 60.0
LAST_LINES_SECONDS = 1.0


@dataclass
class _Kept:
    """One process that is kept running. While ``process`` is None it waits for ``restart_at``.

    The log is that of all its runs: what one could not say before it ended still waits there.
    """

    launch: Launch
    log: LogFile
    process: Process | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.5, longest=10.0))
    restart_at: float = 0.0
    lost_told: int = 0
    problem_told: str = ""
    tell_at: float = 0.0


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
        """Starts a process now and keeps it running from then on.

        Raises:
            OSError: it cannot be started.
            RuntimeError: its ground cannot be made ready; the message is for the user.
        """
        kept = _Kept(launch, LogFile(self._log_directory / f"{launch.name}.log"))
        self._run(kept)
        kept.log.begin()
        self._kept.append(kept)

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
        return {kept.launch.name: kept.log.lost for kept in self._kept}

    def log_problems(self) -> dict[str, str]:
        """Why the log of a process is not written just now, for those that are not."""
        problems = {kept.launch.name: kept.log.problem for kept in self._kept}
        return {name: problem for name, problem in problems.items() if problem}

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
        self._close_logs()
        self._kept.clear()

    def _close_logs(self) -> None:
        """Says which last lines are in no log; a disk that hangs is waited for a moment in all."""
        deadline = time.monotonic() + LAST_LINES_SECONDS
        for kept in self._kept:
            if kept.process is not None:
                kept.process.wait_for_silence(max(deadline - time.monotonic(), 0.0))
            kept.log.close(max(deadline - time.monotonic(), 0.0))
            if kept.log.lost > kept.lost_told:
                self._tell_of_log(kept, math.inf)

    def _tell_of_log(self, kept: _Kept, now: float) -> None:
        """Says what is wrong with a log, or not any more; once a minute at most."""
        lost, problem = state = (kept.log.lost, kept.log.problem)
        if now < kept.tell_at or state == (kept.lost_told, kept.problem_told):
            return
        what = f"is not written ({problem})" if problem else "is written"
        more = lost - kept.lost_told
        missing = f"; {more} more lines are missing" if more else ""
        self._report(f"The log of {kept.launch.name} {what}{missing}: {kept.log.path}")
        kept.lost_told, kept.problem_told = state
        kept.tell_at = now + REPORT_SECONDS

    def _restart(self, kept: _Kept) -> None:
        try:
            self._run(kept)
        except (OSError, RuntimeError) as error:
            self._schedule(kept, time.monotonic(), f"cannot be started ({error})")

    def _run(self, kept: _Kept) -> None:
        kept.process = Process(kept.launch, self._log_directory, kept.log)

    def _schedule(self, kept: _Kept, now: float, what: str) -> None:
        if kept.process is not None and now - kept.process.started_at > STEADY_SECONDS:
            kept.backoff.reset()
        kept.process = None
        kept.restart_at = now + kept.backoff.delay
        again = f"Starting it again in {kept.backoff.delay:g} s: {kept.log.path}"
        self._report(f"{kept.launch.name} {what}. {again}")
        kept.backoff.fail()


def _describe(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
