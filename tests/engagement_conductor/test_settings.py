"""The settings as another process reads them from its environment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PUBLIC = {
    "PUBLIC_URL": "https://example.org",
    "SECRET_KEY": "k9$Lq2" + "aB3xZ7wQ1m" * 6,
    "DATABASE_URL": "postgresql://user:password@127.0.0.1:1/name",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
OURS = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "PUBLIC_URL", "PORT", "DEBUG")


def manage(tmp_path, *arguments, **variables):
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**clean, "DATA_DIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
    )


def setting(tmp_path, expression, **variables):
    code = f"from django.conf import settings; print(repr({expression}))"
    result = manage(tmp_path, "shell", "--no-imports", "-c", code, **variables)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_deployment_check_is_clean(tmp_path):
    result = manage(tmp_path, "check", "--deploy", "--fail-level", "DEBUG", **PUBLIC)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({**PUBLIC, "DEBUG": "True"}, "engagement_conductor.E002"),
        ({**PUBLIC, "PUBLIC_URL": "https://example.org/path"}, "engagement_conductor.E001"),
        ({**PUBLIC, "PUBLIC_URL": "http://example.org"}, "engagement_conductor.W003"),
        ({**PUBLIC, "DATABASE_URL": ""}, "engagement_conductor.W004"),
        ({**PUBLIC, "DETECTOR_CALIBRATION": "unknown"}, "engagement_conductor.E003"),
    ],
)
def test_deployment_check_finds(tmp_path, variables, expected):
    result = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **variables)
    assert result.returncode == 1
    assert expected in result.stderr
    assert "HINT" in result.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (PUBLIC, "(31536000, True, False)"),
        ({**PUBLIC, "HSTS_PRELOAD": "True"}, "(31536000, True, True)"),
        ({"HSTS_PRELOAD": "True"}, "(0, False, False)"),
    ],
)
def test_browsers_keep_a_domain_on_their_lists_only_where_that_is_wanted(
    tmp_path, variables, expected
):
    names = ("SECONDS", "INCLUDE_SUBDOMAINS", "PRELOAD")
    found = ", ".join(f"settings.SECURE_HSTS_{name}" for name in names)
    assert setting(tmp_path, f"({found})", **variables) == expected


def test_public_deployment_needs_a_secret_key(tmp_path):
    result = manage(tmp_path, "check", **{**PUBLIC, "SECRET_KEY": ""})
    assert result.returncode == 1
    assert "Set SECRET_KEY, or SECRET_KEY_FILE" in result.stderr
    assert not (tmp_path / "secret_key").exists()


def test_servers_default_to_the_embedded_ones(tmp_path):
    urls = '{"database": "postgresql://u:p@127.0.0.1:4321/n", "redis": "redis://127.0.0.1:4322/0"}'
    (tmp_path / "servers.json").write_text(urls)
    found = setting(tmp_path, "(settings.DATABASES['default']['PORT'], settings.REDIS_URL)")
    assert found == "('4321', 'redis://127.0.0.1:4322/0')"


def test_given_urls_win_over_the_embedded_ones(tmp_path):
    (tmp_path / "servers.json").write_text('{"redis": "redis://127.0.0.1:4322/0"}')
    found = setting(tmp_path, "settings.REDIS_URL", REDIS_URL="redis://elsewhere/2")
    assert found == "'redis://elsewhere/2'"


def test_without_a_database_the_message_says_what_to_do(tmp_path):
    result = manage(tmp_path, "migrate", PGHOST="127.0.0.1", PGPORT="1")
    assert result.returncode == 1
    assert "Run `make up`, or set DATABASE_URL" in result.stderr


def test_this_machine_is_always_an_allowed_host(tmp_path):
    hosts = setting(tmp_path, "settings.ALLOWED_HOSTS", **PUBLIC, ALLOWED_HOSTS="other.example")
    assert hosts == "['127.0.0.1', 'example.org', 'localhost', 'other.example']"


def test_operations_name_every_variable():
    sources = " ".join(
        (ROOT / "engagement_conductor" / name).read_text()
        for name in ("settings.py", "configuration/env.py")
    )
    names = set(re.findall(r'read_\w+\(\s*"([A-Z_]+)"', sources))
    assert {"PORT", "DATABASE_URL", "SECRET_KEY", "DATA_DIR"} < names
    described = set(re.findall(r"^\| `([A-Z_]+)`", operations(), re.MULTILINE))
    assert names <= described


def operations() -> str:
    return (ROOT / "docs" / "operations.md").read_text()
