"""Asking a part of the product how it is without ever waiting for it long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

PATIENCE_SECONDS = 3.0
FRESH_SECONDS = 1.0

Answer = dict[str, Any]


class Probe:
    """One part's question, asked in a thread of its own.

    However many ask, one question is on its way at a time: whatever hangs holds one thread, and an
    answer serves all who ask within a second. A thread that hangs does not keep the process alive.

    Args:
        ask: returns what is known of the part; ``ok`` is added. Whatever it raises means not ok.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._begun_at = float("-inf")
        self._future: Future[Answer] = Future()
        self._future.set_result({})  # of no use to anybody: it is not fresh

    def begin(self) -> None:
        """Asks, unless an answer is on its way or fresh."""
        with self._lock:
            now = time.monotonic()
            is_fresh = now - self._begun_at < FRESH_SECONDS
            if self._future.done() and not is_fresh:
                self._begun_at, self._future = now, Future()
                threading.Thread(target=self._run, args=(self._future,), daemon=True).start()

    def answer(self) -> Answer:
        """The answer; not ok when there is none :data:`PATIENCE_SECONDS` after it was asked for."""
        self.begin()
        remaining = self._begun_at + PATIENCE_SECONDS - time.monotonic()
        try:
            return self._future.result(timeout=max(0.0, remaining))
        except TimeoutError:
            waited = time.monotonic() - self._begun_at
            return {"ok": False, "error": f"no answer for {waited:.0f} s"}

    def _run(self, future: "Future[Answer]") -> None:
        begun = time.monotonic()
        try:
            answer = {"ok": True, **self._ask()}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            reason = str(error).strip() or type(error).__name__
            answer = {"ok": False, "error": reason}
        answer["seconds"] = round(time.monotonic() - begun, 4)
        future.set_result(answer)


def ask_all(probes: dict[str, Probe]) -> dict[str, Answer]:
    """The answers of several parts, asked at once: as slow as the slowest of them."""
    for probe in probes.values():
        probe.begin()
    return {name: probe.answer() for name, probe in probes.items()}
