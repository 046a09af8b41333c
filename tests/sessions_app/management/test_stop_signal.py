"""Stopping a command by a signal."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from sessions_app.management.stop_signal import StopSignal


@pytest.fixture
def stopping() -> Iterator[StopSignal]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop = StopSignal()
    stop.install()
    yield stop
    for number, handler in before.items():
        signal.signal(number, handler)


def test_without_a_signal_it_waits_as_long_as_it_is_told(stopping: StopSignal) -> None:
    began = time.monotonic()
    assert not stopping.wait(0.2)
    assert time.monotonic() - began >= 0.2
    assert (stopping.number, stopping.exit_code) == (0, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_waiting(stopping: StopSignal, number: int, code: int) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    began = time.monotonic()
    assert stopping.wait(30)
    assert time.monotonic() - began < 10
    assert (stopping.number, stopping.exit_code) == (number, code)
    assert not signal.getsignal(number)  # the next one ends the process
    assert stopping.wait(30)
