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


@pytest.mark.parametrize("content", [None, "", "not JSON", "{}"])
def test_embedded_url_is_empty_where_there_is_none(monkeypatch, tmp_path, content):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    if content is not None:
        (tmp_path / "servers.json").write_text(content)
    assert env.embedded_url("redis") == ""
