"""Programs that ask the API."""

import pytest

from tests.dashboard.api.described import Program, make_token
from tests.factories import Cast


@pytest.fixture
def platform(cast: Cast) -> Program:
    """Sees everything, and may write."""
    return Program(make_token("platform", all_events=True, can_write=True))


@pytest.fixture
def partner(cast: Cast) -> Program:
    """Sees Alice's event, and may read."""
    return Program(make_token("partner", cast.session.event))
