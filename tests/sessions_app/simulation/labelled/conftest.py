"""Labelled sessions, drawn once."""

import pytest

from sessions_app.simulation.labelled.sessions import LabelledSession, simulate_sessions
from tests.sessions_app.simulation.labelled.drawn import COUNT


@pytest.fixture(scope="package")
def sessions() -> list[LabelledSession]:
    return list(simulate_sessions(7, COUNT))
