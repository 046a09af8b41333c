"""What the tests of pages share."""

from django.contrib.auth.models import User
from django.test import Client


def logged_in(user: User) -> Client:
    """A browser in which ``user`` has logged in."""
    client = Client()
    client.force_login(user)
    return client
