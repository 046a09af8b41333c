"""Pages in a real browser, as several files of tests use them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.conftest import RestartableValkey
from tests.e2e.browser import Pages, open_browser, running_pages
from tests.factories import Cast, make_cast, make_metrics


@pytest.fixture(scope="session")
def _collected(django_db_setup: None) -> None:
    """The server serves what was collected, under names that depend on the content."""
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def valkey(valkey_server: Callable[[], RestartableValkey]) -> RestartableValkey:
    return valkey_server()


@pytest.fixture
def pages(
    tmp_path: Path,
    database_url: str,
    valkey: RestartableValkey,
    chromium_path: str,
    _collected: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pages]:
    # Playwright has a loop running in this thread, in which nothing here awaits anything.
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
