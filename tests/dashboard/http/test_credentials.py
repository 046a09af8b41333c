"""What can be a login or a token, and what is as good as none."""

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.http.credentials import checked_login, checked_token
from dashboard.http.login_store import SessionStore
from tests.factories import Cast

NO_LOGINS = [
    None,
    7,
    b"a" * 32,
    "",
    "a" * 31,
    "a" * 33,
    "a" * 32 + "\n",
    "A" * 32,
    "a" * 31 + "\0",
    "\0aaaaaaaaaa",
    "a" * 31 + "\ud800",
    "a" * 31 + "é",
    "٣" * 32,
    "a" * 100_000,
]


@pytest.mark.parametrize("key", NO_LOGINS)
def test_what_django_never_makes_is_no_login(key: object) -> None:
    assert checked_login(key) is None


@given(st.text())
def test_no_text_is_looked_up_but_what_the_store_makes(text: str) -> None:
    assert SessionStore(text).session_key == checked_login(text)


@pytest.mark.integration
@pytest.mark.django_db
def test_the_store_makes_what_is_a_login() -> None:
    for _ in range(50):
        key = SessionStore()._get_new_session_key()
        assert checked_login(key) == key


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("BEARER two words", "two words"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic YTpi", None),
        ("", None),
        ("Bearer a\0b", None),
        ("Bearer a\nb", None),
        ("Bearer \xff", None),
        ("Bearer \ud800", None),
        (f"Bearer {'a' * 5_000}", None),
    ],
)
def test_what_can_be_a_token(header: str, token: str | None) -> None:
    assert checked_token(header) == token


@pytest.mark.integration
@pytest.mark.parametrize("key", ["", "a", "A" * 32, "\\000" + "a" * 31, "\\377" * 32, "%00" * 9])
def test_a_login_that_cannot_be_is_as_none(cast: Cast, key: str, django_assert_num_queries) -> None:
    client = Client(headers={"cookie": f'{settings.SESSION_COOKIE_NAME}="{key}"'})
    with django_assert_num_queries(0):
        response = client.get("/")
    assert (response.status_code, response.url) == (302, "/login/?next=/")
    assert client.get("/login/").status_code == 200
