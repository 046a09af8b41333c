"""Servers that refuse requests: each process logs it at most once a minute, and none exits."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from tests.e2e.driving.stack_process import (
    PRODUCT,
    RunningProcesses,
    running_installation,
    scored_tick,
    wait_for,
)
from tests.e2e.driving.traffic import SteadyChat, stored_ticks
from tests.servers.outages import full, locked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

OUTAGE_SECONDS = 18.0
# For three outages with failures in each process, and waiting ticks.
MOST_LINES = 40
PATHS = ("/login/", "/health")


class Visitors(threading.Thread):
    """Requests pages continuously."""

    def __init__(self, product: RunningProcesses) -> None:
        super().__init__(daemon=True)
        self._product = product
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(0.1):
            for path in PATHS:
                self._product.page_status(path)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@contextmanager
def read_only(database_url: str) -> Iterator[None]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


def test_refusing_servers_are_logged_once_a_minute(tmp_path: Path) -> None:
    with (
        running_installation(tmp_path) as (product, _),
        SteadyChat(product.redis_url, ["talk", "workshop"]),
        redis.Redis.from_url(product.redis_url, socket_timeout=5) as client,
    ):
        database_url = product.database_url
        product.start_missing()
        wait_for(lambda: stored_ticks(database_url, "talk"), "first rows")
        visitors = Visitors(product)
        visitors.start()
        for outage in (read_only(database_url), locked(database_url), full(client)):
            with outage:
                time.sleep(OUTAGE_SECONDS)
            before = scored_tick(client)
            wait_for(lambda before=before: scored_tick(client) > before + 1, "scoring resumes")
        visitors.stop()
        logs = {name: product.log(name) for name in PRODUCT}
        assert all(product.is_running(name) for name in PRODUCT)
    (tmp_path / "all.log").write_text("\n".join(logs.values()))
    for name, text in logs.items():
        lines = re.findall(r"^.* (?:WARNING|ERROR) .*$", text, re.MULTILINE)
        assert "Traceback" not in text, (name, text)
        assert len(lines) < MOST_LINES, (name, lines)
