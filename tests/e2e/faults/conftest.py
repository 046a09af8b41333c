"""The web server on its own, for tests of faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.driving.stack_process import RunningProcesses, wait_for
from tests.factories import Cast
from tests.servers.restartable_valkey import RestartableValkey


@pytest.fixture
def product(
    tmp_path: Path, database_url: str, valkey: RestartableValkey, cast: Cast
) -> Iterator[RunningProcesses]:
    """The web server as started by ``make up``."""
    product = RunningProcesses(tmp_path, database_url, valkey.url)
    product.start("web")
    wait_for(lambda: product.page_status("/healthz") == 200, "the web server responds")
    yield product
    product.stop()
