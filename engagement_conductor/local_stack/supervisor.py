"""Keeps a set of processes running, and stops all of them together."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engagement_conductor.local_stack.guard import guard
from engagement_conductor.local_stack.processes import STOP_SECONDS, Launch, Process
from engagement_conductor.logs.files import LogFile
from sessions_app.backoff import Backoff

# A process that ran for longer than this is restarted with the first delay again.
STABLE_SECONDS = 60.0
REPORT_SECONDS = 60.0
LAST_LINES_SECONDS = 1.0


@dataclass
class _Supervised:
    """One supervised process. While ``process`` is None it waits for ``restart_at``.

    All of its runs share the log, so lines that one run could not write are not lost with it.
    """

    launch: Launch
    log: LogFile
    process: Process | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.5, longest=10.0))
    restart_at: float = 0.0
    lost_reported: int = 0
    problem_reported: str = ""
    report_at: float = 0.0


class Supervisor:
    """Starts processes, restarts those that end, and stops them in reverse order.

    Args:
        log_directory: each process writes to ``<name>.log`` there.
        report: takes one line for the user.
    """

    def __init__(self, log_directory: Path, report: Callable[[str], None]) -> None:
        self._log_directory = log_directory
        self._report = report
        self._supervised: list[_Supervised] = []

    def start(self, launch: Launch) -> None:
        """Starts a process and keeps it running from then on.

        Raises:
            OSError: the process cannot be started.
            RuntimeError: its preparation failed; the message is for the user.
        """
        supervised = _Supervised(launch, LogFile(self._log_directory / f"{launch.name}.log"))
        self._run(supervised)
        supervised.log.start()
        self._supervised.append(supervised)

    def check(self) -> None:
        """One round: schedules a restart for processes that have ended, starts those that are due.

        Call it several times a second. It also replaces a dead guardian and reports log problems.
        """
        now = time.monotonic()
        guard.restart_if_dead()
        for supervised in self._supervised:
            self._report_log(supervised, now)
            if supervised.process is None:
                if now >= supervised.restart_at:
                    self._restart(supervised)
            elif (code := supervised.process.exit_code()) is not None:
                self._schedule(supervised, now, f"ended ({_describe(code)})")

    def lost_lines(self) -> dict[str, int]:
        """Number of log lines lost so far, by process."""
        return {each.launch.name: each.log.lost for each in self._supervised}

    def log_problems(self) -> dict[str, str]:
        """Why a log cannot be written at the moment, by process; working logs are left out."""
        problems = {each.launch.name: each.log.problem for each in self._supervised}
        return {name: problem for name, problem in problems.items() if problem}

    def last_lines(self, name: str) -> str:
        """The end of the log of the process of that name."""
        log = self._log_directory / f"{name}.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-5:])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stops everything, the most recently started first, within ``seconds`` in total."""
        deadline = time.monotonic() + seconds
        for supervised in reversed(self._supervised):
            if supervised.process is not None:
                self._report(f"Stopping {supervised.launch.name}.")
                # Even past the deadline, a server gets a second to write its data to disk.
                supervised.process.stop(max(deadline - time.monotonic(), 1.0))
        self._close_logs()
        self._supervised.clear()

    def _close_logs(self) -> None:
        """Reports the last lines that were lost; a hung disk gets one second for all logs."""
        deadline = time.monotonic() + LAST_LINES_SECONDS
        for supervised in self._supervised:
            if supervised.process is not None:
                supervised.process.wait_for_output(max(deadline - time.monotonic(), 0.0))
            supervised.log.close(max(deadline - time.monotonic(), 0.0))
            if supervised.log.lost > supervised.lost_reported:
                self._report_log(supervised, math.inf)

    def _report_log(self, supervised: _Supervised, now: float) -> None:
        """Reports a new problem of a log, or its end; at most once a minute."""
        log = supervised.log
        lost, problem = state = (log.lost, log.problem)
        reported = (supervised.lost_reported, supervised.problem_reported)
        if now < supervised.report_at or state == reported:
            return
        what = f"cannot be written ({problem})" if problem else "is being written again"
        more = lost - supervised.lost_reported
        missing = f"; {more} more lines are missing" if more else ""
        self._report(f"The log of {supervised.launch.name} {what}{missing}: {log.path}")
        supervised.lost_reported, supervised.problem_reported = state
        supervised.report_at = now + REPORT_SECONDS

    def _restart(self, supervised: _Supervised) -> None:
        try:
            self._run(supervised)
        except (OSError, RuntimeError) as error:
            self._schedule(supervised, time.monotonic(), f"cannot be started ({error})")

    def _run(self, supervised: _Supervised) -> None:
        supervised.process = Process(supervised.launch, self._log_directory, supervised.log)

    def _schedule(self, supervised: _Supervised, now: float, what: str) -> None:
        process, backoff = supervised.process, supervised.backoff
        if process is not None and now - process.started_at > STABLE_SECONDS:
            backoff.reset()
        supervised.process = None
        supervised.restart_at = now + backoff.delay
        again = f"Starting it again in {backoff.delay:g} s: {supervised.log.path}"
        self._report(f"{supervised.launch.name} {what}. {again}")
        backoff.fail()


def _describe(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
