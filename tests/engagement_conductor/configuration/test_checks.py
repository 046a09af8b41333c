"""What is likely to be set wrong, and what to do about it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage

from engagement_conductor.configuration import checks


def ids(messages: list[CheckMessage]) -> list[str]:
    assert all(message.hint for message in messages)
    return [str(message.id).rpartition(".")[2] for message in messages]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://engagement.example.org", []),
        ("http://127.0.0.1:8000", []),
        ("https://example.org/below", ["E001"]),
        ("https://example.org?query", ["E001"]),
        ("ftp://example.org", ["E001"]),
        ("example.org", ["E001"]),
        ("https://", ["E001"]),
    ],
)
def test_the_public_address_is_an_origin(settings: Any, url: str, found: list[str]) -> None:
    settings.PUBLIC_URL = url
    assert ids(checks.check_public_url()) == found


@pytest.mark.parametrize("is_debug", [True, False])
@pytest.mark.parametrize("is_secure", [True, False])
def test_nothing_is_debugged_in_public(settings: Any, is_debug: bool, is_secure: bool) -> None:
    settings.DEBUG, settings.SECURE = is_debug, is_secure
    assert ids(checks.check_debug()) == (["E002"] if is_debug and is_secure else [])


def test_a_calibration_that_is_not_there_is_named(settings: Any) -> None:
    settings.DETECTOR_CALIBRATION = ""
    assert checks.check_calibration() == []
    settings.DETECTOR_CALIBRATION = "nowhere"
    (message,) = checks.check_calibration()
    assert ids([message]) == ["E003"]
    assert "nowhere" in str(message.hint)


def test_what_set_up_makes_is_missed(settings: Any, tmp_path: Path) -> None:
    settings.CHART_DIR = settings.STATIC_ROOT = tmp_path
    settings.DEBUG = False
    assert ids(checks.check_chart()) == []
    assert ids(checks.check_manifest()) == ["W002"]
    (tmp_path / "staticfiles.json").write_text("{}")
    assert ids(checks.check_manifest()) == []
    settings.CHART_DIR = settings.STATIC_ROOT = tmp_path / "missing"
    assert ids(checks.check_chart()) == ["W001"]
    settings.DEBUG = True
    assert ids(checks.check_manifest()) == []


@pytest.mark.parametrize(
    ("url", "is_secure", "found"),
    [
        ("http://10.0.0.5:8000", False, ["W003"]),
        ("http://localhost:8000", False, []),
        ("http://[::1]:8000", False, []),
        ("https://example.org", True, []),
    ],
)
def test_passwords_cross_no_network_in_the_clear(
    settings: Any, url: str, is_secure: bool, found: list[str]
) -> None:
    settings.PUBLIC_URL, settings.SECURE = url, is_secure
    assert ids(checks.check_transport()) == found


def test_a_public_product_has_servers_of_its_own(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECURE = True
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "set")
    assert checks.check_servers() == []
    monkeypatch.setenv("REDIS_URL", "")
    (message,) = checks.check_servers()
    assert message.msg.startswith("REDIS_URL not set")
    settings.SECURE = False
    assert checks.check_servers() == []
