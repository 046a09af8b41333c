"""URLs are parsed strictly, and passwords in them are never quoted."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from engagement_conductor.configuration.server_urls import parse_database_url, parse_redis_url


def test_parse_database_url_takes_every_part():
    assert parse_database_url("postgresql://us%40er:p%2Fw@db:6432/na%20me?sslmode=require") == {
        "NAME": "na me",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }


def test_parse_database_url_takes_a_socket_folder():
    parsed = parse_database_url("postgres:///name?host=/run/postgresql")
    assert (parsed["HOST"], parsed["PORT"], parsed["OPTIONS"]) == ("/run/postgresql", "", {})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/name", "must begin with postgresql://"),
        ("host/name", "must begin with postgresql://"),
        ("postgresql://host", "names no database"),
        ("postgresql://host:x/name", "bad port"),
    ],
)
def test_parse_database_url_says_what_is_wrong(url, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        parse_database_url(url)


@pytest.mark.parametrize(
    "url", ["rediss://host/1", "redis://host", "redis://u:p@host:1/", "unix:///run/redis.sock?db=1"]
)
def test_parse_redis_url_takes_what_names_a_server(url):
    assert parse_redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host", "REDIS_URL must begin with"),
        ("redis://host:x/0", "REDIS_URL has a bad port"),
        ("redis://host/first", "number of a database, as /0, not /first"),
    ],
)
def test_parse_redis_url_says_what_is_wrong(url, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        parse_redis_url(url)


@pytest.mark.parametrize("password", ["se/cret", "12/secret", "se?cret", "12#secret", "[secret"])
def test_a_password_that_is_not_encoded_is_not_quoted(password: str) -> None:
    for parse, url in (
        (parse_database_url, f"postgresql://me:{password}@host/name"),
        (parse_redis_url, f"redis://me:{password}@host:1/0"),
    ):
        with pytest.raises(ImproperlyConfigured) as caught:
            parse(url)
        assert "cret" not in str(caught.value)
