"""An admin with a random password."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import CommandError
from django.http import HttpRequest

from tests.sessions_app.simulation.test_demo import password_of, printed

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def logged_in(**credentials: str) -> AbstractBaseUser | None:
    return authenticate(HttpRequest(), **credentials)


def test_create_admin_prints_a_password_that_works():
    (line,) = printed("create_admin", "zoe")
    admin = logged_in(username="zoe", password=password_of(line, "admin", "zoe"))
    assert admin.is_superuser
    assert admin.is_staff


def test_create_admin_keeps_the_password_of_an_existing_one():
    password = password_of(printed("create_admin", "zoe")[0], "admin", "zoe")
    errors = StringIO()
    assert printed("create_admin", "zoe", stderr=errors) == []
    assert "the password is unchanged" in errors.getvalue()
    assert "--reset-password" in errors.getvalue()
    assert logged_in(username="zoe", password=password) is not None


def test_create_admin_renews_a_password_when_asked():
    old = password_of(printed("create_admin", "zoe")[0], "admin", "zoe")
    (line,) = printed("create_admin", "zoe", "--reset-password")
    assert logged_in(username="zoe", password=old) is None
    assert logged_in(username="zoe", password=password_of(line, "admin", "zoe")) is not None


@pytest.mark.parametrize("options", [[], ["--reset-password"]])
def test_create_admin_promotes_nobody(options):
    get_user_model().objects.create_user("bob", password="his own")
    with pytest.raises(CommandError, match="bob exists but is not an admin"):
        printed("create_admin", "bob", *options)
    assert not logged_in(username="bob", password="his own").is_superuser


@pytest.mark.parametrize("name", ["a b", "", "x" * 151, "semi;colon"])
def test_create_admin_refuses_bad_names(name):
    with pytest.raises(CommandError, match="is not a valid user name"):
        printed("create_admin", name)
    assert not get_user_model().objects.exists()
