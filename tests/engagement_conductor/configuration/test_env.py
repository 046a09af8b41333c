import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from engagement_conductor.configuration import env


@pytest.mark.parametrize(("value", "expected"), [("True", True), ("False", False), ("", True)])
def test_read_boolean_takes_its_two_words(monkeypatch, value, expected):
    monkeypatch.setenv("FLAG", value)
    assert env.read_boolean("FLAG", True) is expected


@pytest.mark.parametrize("value", ["true", "1", "yes", "on", "FALSE", " True"])
def test_read_boolean_rejects_every_other_word(monkeypatch, value):
    monkeypatch.setenv("FLAG", value)
    with pytest.raises(ImproperlyConfigured, match="FLAG must be True or False"):
        env.read_boolean("FLAG", True)


@pytest.mark.parametrize(("value", "expected"), [("", 7), ("1", 1), ("10", 10)])
def test_read_integer_includes_its_limits(monkeypatch, value, expected):
    monkeypatch.setenv("NUMBER", value)
    assert env.read_integer("NUMBER", 7, 1, 10) == expected


@pytest.mark.parametrize("value", ["0", "11", "-1", "1.5", "ten", "0x5"])
def test_read_integer_rejects_what_is_out_of_range(monkeypatch, value):
    monkeypatch.setenv("NUMBER", value)
    with pytest.raises(ImproperlyConfigured, match="NUMBER must be"):
        env.read_integer("NUMBER", 7, 1, 10)


@pytest.mark.parametrize(("value", "expected"), [("", "b"), ("a", "a")])
def test_read_choice_takes_its_words(monkeypatch, value, expected):
    monkeypatch.setenv("CHOICE", value)
    assert env.read_choice("CHOICE", "b", ("a", "b")) == expected


def test_read_choice_rejects_every_other_word(monkeypatch):
    monkeypatch.setenv("CHOICE", "A")
    with pytest.raises(ImproperlyConfigured, match="CHOICE must be one of a, b, not 'A'"):
        env.read_choice("CHOICE", "b", ("a", "b"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ["d"]), (" , ", ["d"]), ("a", ["a"]), (" a, b ,,c", ["a", "b", "c"])],
)
def test_read_list_strips_and_drops_empty_parts(monkeypatch, value, expected):
    monkeypatch.setenv("NAMES", value)
    assert env.read_list("NAMES", ["d"]) == expected


def test_read_secret_prefers_the_variable_over_the_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(" from file \n")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    assert env.read_secret("KEY", generate=False) == "from file"
    monkeypatch.setenv("KEY", "from variable")
    assert env.read_secret("KEY", generate=False) == "from variable"


def test_read_secret_makes_one_that_only_its_owner_reads(monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    first = env.read_secret("KEY", generate=True)
    assert len(first) >= 50
    assert env.read_secret("KEY", generate=True) == first
    assert (tmp_path / "data" / "key").stat().st_mode & 0o777 == 0o600


def test_read_secret_is_not_made_for_public_deployments():
    with pytest.raises(ImproperlyConfigured, match="Set KEY, or KEY_FILE"):
        env.read_secret("KEY", generate=False)


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_read_secret_rejects_a_file_without_one(monkeypatch, tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("KEY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE"):
        env.read_secret("KEY", generate=True)


def test_parse_database_url_takes_every_part():
    assert env.parse_database_url("postgresql://us%40er:p%2Fw@db:6432/na%20me?sslmode=require") == {
        "NAME": "na me",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }


def test_parse_database_url_takes_a_socket_folder():
    parsed = env.parse_database_url("postgres:///name?host=/run/postgresql")
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
        env.parse_database_url(url)


@pytest.mark.parametrize(
    "url", ["rediss://host/1", "redis://host", "redis://u:p@host:1/", "unix:///run/redis.sock?db=1"]
)
def test_parse_redis_url_takes_what_names_a_server(url):
    assert env.parse_redis_url(url) == url


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
        env.parse_redis_url(url)


@pytest.mark.parametrize("content", [None, "", "not JSON", "{}"])
def test_embedded_url_is_empty_where_there_is_none(monkeypatch, tmp_path, content):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    if content is not None:
        (tmp_path / "servers.json").write_text(content)
    assert env.embedded_url("redis") == ""


@pytest.mark.parametrize("password", ["se/cret", "12/secret", "se?cret", "12#secret", "[secret"])
def test_a_password_that_is_not_encoded_is_not_quoted(password: str) -> None:
    for parse, url in (
        (env.parse_database_url, f"postgresql://me:{password}@host/name"),
        (env.parse_redis_url, f"redis://me:{password}@host:1/0"),
    ):
        with pytest.raises(ImproperlyConfigured) as caught:
            parse(url)
        assert "cret" not in str(caught.value)


def test_a_secret_that_could_not_be_written_is_made_the_next_time(monkeypatch, tmp_path):
    path = tmp_path / "secret_key"

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(env.secrets, "token_urlsafe", fail)
        with pytest.raises(OSError, match="No space"):
            env.kept_secret(path)
    assert list(tmp_path.iterdir()) == []
    path.touch()
    made = env.kept_secret(path)
    assert len(made) > 40
    assert env.kept_secret(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_made_on_a_disk_without_hard_links(monkeypatch, tmp_path):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    made = env.kept_secret(tmp_path / "secret_key")
    assert len(made) > 40
    assert env.kept_secret(tmp_path / "secret_key") == made


def test_processes_that_ask_at_once_have_the_same_secret(tmp_path):
    path = tmp_path / "data" / "secret_key"
    path.parent.mkdir()
    path.touch()  # of a release that was interrupted
    script = (
        "import sys; from pathlib import Path; from engagement_conductor import env;"
        "input(); print(env.kept_secret(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=env.BASE_DIR, **pipes) for _ in range(8)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in processes}) == 1
    assert list(path.parent.iterdir()) == [path]
