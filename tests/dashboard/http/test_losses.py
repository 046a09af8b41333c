"""What is dropped is counted to the last one, whoever counts, and logged once a minute."""

import logging
import threading
from collections import Counter

import pytest

from dashboard.http.losses import LINES, Losses


class SlowName(str):
    """Gives somebody else time to take what was counted, while it is looked up."""

    def __new__(cls, text: str, losses: Losses) -> "SlowName":
        name = super().__new__(cls, text)
        name.taken = Counter[str]()
        name.taking = threading.Thread(target=lambda: name.taken.update(losses.take()))
        return name

    def __hash__(self) -> int:
        if self.taking.ident is None:
            self.taking.start()
            self.taking.join(0.3)
        return super().__hash__()


def test_what_is_taken_in_between_is_not_lost() -> None:
    losses = Losses()
    name = SlowName("refused_requests:request", losses)
    losses.count(name)
    name.taking.join()
    assert (name.taken + losses.take()).total() == 1


@pytest.mark.parametrize("name", [*LINES, "refused_requests:other"])
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
