"""A short campaign of ``make chaos``."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos import acts
from tests.chaos.faults import Fault

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SOME = ("kill -9 collector and redis", "kill -9 worker and database", "a second collector")


def choose(faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.name in SOME]


def test_rows_and_anomalies_are_exact_after_faults(tmp_path: Path, chromium_path: str) -> None:
    result = acts.processes(tmp_path, chromium_path, choose, print)
    assert result is not None
    assert [outcome.fault for outcome in result.outcomes] == [*SOME]
    # How soon can only be measured on a quiet machine.
    assert all(outcome.current_s is not None for outcome in result.outcomes), result.outcomes
    assert result.report.events > 0
    assert result.report.rows > 0
    assert result.report.is_exact, result.report.summary()
