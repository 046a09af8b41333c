"""Fixtures for pages in a real browser."""

import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.conftest import url_of_database
from tests.e2e.driving.browser import Pages, open_browser, running_pages
from tests.e2e.driving.stack_process import RunningProcesses, ends_of_logs
from tests.e2e.scenes.stage import Stage, running_stage
from tests.factories import Cast, make_cast, make_metrics
from tests.servers.restartable_valkey import RestartableValkey


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the ends of the processes' logs to a failure, as it may take long to see it again."""
    report = yield
    if report.failed:
        report.sections += [(f"end of {path}", text) for path, text in ends_of_logs()]
    return report


@pytest.fixture(scope="session")
def _collected() -> None:
    """Collects this checkout's current static files for the server."""
    subprocess.run([sys.executable, "scripts/set_up.py"], cwd=settings.BASE_DIR, check=True)


@pytest.fixture
def pages(
    tmp_path: Path,
    database_url: str,
    valkey: RestartableValkey,
    chromium_path: str,
    _collected: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pages]:
    # Playwright runs an event loop in this thread, but nothing here awaits in it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with (
        open_browser(chromium_path) as browser,
        running_pages(tmp_path, database_url, valkey.url, browser, monkeypatch) as pages,
    ):
        yield pages


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cast = make_cast()
    make_metrics(cast.session, [0.3] * 20 + [0.5] * 20)
    return cast


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None,
    _collected: None,
    tmp_path_factory: pytest.TempPathFactory,
    redis_url: str,
    chromium_path: str,
) -> Iterator[Stage]:
    """One server and browser for all scenes of a module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Playwright runs an event loop in this thread, but nothing here awaits in it.
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        directory = tmp_path_factory.mktemp("stage")
        product = RunningProcesses(directory, url_of_database(), redis_url)
        with open_browser(chromium_path) as browser, running_stage(product, browser) as stage:
            yield stage
