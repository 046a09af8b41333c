"""Queries the state of a part of the product without ever waiting long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 1.0

Answer = dict[str, Any]


class Probe:
    """Queries one part, in a thread of its own.

    At most one query runs at a time, however many callers there are: a hanging part blocks one
    thread, and one answer serves all callers within a second. A hanging thread does not keep the
    process alive.

    Args:
        ask: returns the state of the part; ``ok`` is added. Any exception means not ok.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._begun_at = float("-inf")
        self._future: Future[Answer] = Future()
        self._future.set_result({})  # never returned, because it is not fresh

    def begin(self) -> None:
        """Starts a query, unless one is running or the last answer is fresh."""
        with self._lock:
            now = time.monotonic()
            is_fresh = now - self._begun_at < FRESH_SECONDS
            if self._future.done() and not is_fresh:
                self._begun_at, self._future = now, Future()
                threading.Thread(target=self._run, args=(self._future,), daemon=True).start()

    def answer(self) -> Answer:
        """The answer; not ok if none arrives within :data:`TIMEOUT_SECONDS` of the query."""
        self.begin()
        remaining = self._begun_at + TIMEOUT_SECONDS - time.monotonic()
        try:
            return self._future.result(timeout=max(0.0, remaining))
        except TimeoutError:
            waited = time.monotonic() - self._begun_at
            return {"ok": False, "error": f"no answer for {waited:.0f} s"}

    def _run(self, future: "Future[Answer]") -> None:
        begun = time.monotonic()
        try:
            answer = {"ok": True, **self._ask()}
        except Exception as error:  # noqa: BLE001 - any error is reported
            reason = str(error).strip() or type(error).__name__
            answer = {"ok": False, "error": reason}
        answer["seconds"] = round(time.monotonic() - begun, 4)
        future.set_result(answer)


def ask_all(probes: dict[str, Probe]) -> dict[str, Answer]:
    """The answers of several parts, queried in parallel."""
    for probe in probes.values():
        probe.begin()
    return {name: probe.answer() for name, probe in probes.items()}
