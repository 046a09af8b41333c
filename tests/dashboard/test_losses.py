"""What is dropped is counted to the last one, whoever counts, and logged once a minute."""

import logging
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from dashboard.losses import LINES, Losses

COUNTING, EACH = 4, 20_000


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_none_is_lost_while_others_are_taken() -> None:
    losses, taken, is_over = Losses(), Counter[str](), threading.Event()

    def count() -> None:
        for _ in range(EACH):
            losses.count("refused_requests:request")

    def take() -> None:
        while not is_over.is_set():
            counted = losses.take()
            if len(taken) % 2:
                losses.put_back(counted)
            else:
                taken.update(counted)

    counting = [threading.Thread(target=count) for _ in range(COUNTING)]
    taking = threading.Thread(target=take)
    for thread in (taking, *counting):
        thread.start()
    for thread in counting:
        thread.join()
    is_over.set()
    taking.join()
    assert taken + losses.take() == {"refused_requests:request": COUNTING * EACH}


@pytest.mark.parametrize("name", [*LINES, "refused_requests:connection"])
def test_each_is_a_line_a_minute(name: str, caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            losses.count(name, f"user {number}")
    assert losses.take() == {name: 3}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"{LINES.get(name, f'Lost or refused: {name}')}: user 0"


def test_a_reason_is_no_longer_than_a_line(caplog: pytest.LogCaptureFixture) -> None:
    Losses().count("dropped_updates:read", "x" * 10_000)
    assert len(caplog.records[0].getMessage()) == 500
