"""What tests of logins share."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone

from dashboard.http import login_handler
from tests.factories import PASSWORD, Cast


@pytest.fixture
def fast_passwords(cast: Cast, settings: Any) -> None:
    """A real hash takes half a second, which is too long for hundreds of guesses."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    password = make_password(PASSWORD)
    User.objects.update(password=password)
    for user in (cast.alice, cast.bob, cast.charlie, cast.admin):
        user.password = password


@pytest.fixture
def frozen_login_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a second must not pass while a busy machine is still guessing."""
    started = timezone.now()
    monkeypatch.setattr(login_handler, "timezone", SimpleNamespace(now=lambda: started))
