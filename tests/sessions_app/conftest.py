"""A session for tests that need but one."""

import pytest

from sessions_app.models import Session
from tests.factories import make_event, make_session


@pytest.fixture
def session(db: None) -> Session:
    return make_session(make_event("Conference"), "Keynote")
