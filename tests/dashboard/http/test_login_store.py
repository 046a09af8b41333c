"""Where logins are kept, and which keys are looked up."""

import pytest
from django.conf import settings
from django.contrib.sessions.backends import db

from dashboard.http.login_store import SessionStore
from tests.dashboard.conftest import logged_in
from tests.factories import Cast


@pytest.mark.integration
def test_a_login_of_the_release_before_goes_on(cast: Cast) -> None:
    """The store has another name, but what it keeps is read by both."""
    alice = logged_in(cast.alice)
    key = alice.cookies[settings.SESSION_COOKIE_NAME].value
    assert dict(db.SessionStore(key).items()) == dict(SessionStore(key).items())
    assert alice.get("/").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 31, "X" * 32, "a\0" + "x" * 30, "x" * 33])
def test_a_key_that_cannot_be_one_is_no_login(key: str) -> None:
    """Nothing is asked of the database, which no test without its mark may do."""
    assert SessionStore(key).session_key is None
