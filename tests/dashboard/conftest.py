"""What the tests of pages share."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def logged_in(user: User) -> Client:
    """A browser in which ``user`` has logged in."""
    client = Client()
    client.force_login(user)
    return client
