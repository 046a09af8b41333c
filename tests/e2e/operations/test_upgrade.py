"""Upgrades from the previous release in mid-session, at once and process by process.

The previous release is taken from the repository's history.
"""

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import commands
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import TICK_SECONDS, tick_at
from tests.e2e.driving.conference import HISTORY_SECONDS, Room, backfill, wait_until_caught_up
from tests.e2e.driving.stack_process import (
    RunningProcesses,
    RunningServer,
    running_product,
    running_servers,
    scored_tick,
    wait_for,
)
from tests.platform import chat, user, vote
from tests.requirements import missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PREVIOUS_RELEASE = "d9357c8"
PIPELINE = ("collector", "worker", "beat")
PEOPLE = 30
# Of the 120 people of a room; a mass exit.
LEAVING = 60


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked code of the previous release."""
    archive = subprocess.run(
        ["git", "archive", PREVIOUS_RELEASE], cwd=BASE_DIR, capture_output=True, check=False
    )
    if archive.returncode:
        missing(f"the history does not hold {PREVIOUS_RELEASE[:10]}, the previous release")
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, RunningServer]]:
    with running_servers(tmp_path) as running:
        yield running


class Upgrade:
    """Both releases on the same servers; each process may run either."""

    def __init__(self, product: RunningProcesses, old_code: Path) -> None:
        self.product = product
        self.old_code = old_code
        self.client = redis.Redis.from_url(product.redis_url)
        self._posted = 0

    def start_old(self, kind: str) -> None:
        launch = commands.processes(self.product.web_port, demo=False)[kind]
        arguments = self._in_old_code(launch.arguments)
        if kind == "beat":
            arguments += ["--scheduler", "engagement_conductor.beat.HeartbeatScheduler"]
        environment = self.product.environment
        self.product.launch(
            replace(launch, arguments=arguments, directory=self.old_code, environment=environment),
            f"old {kind}",
        )

    def migrate_old(self) -> None:
        subprocess.run(
            self._in_old_code(commands.migrate()),
            cwd=self.old_code,
            env=self.product.environment,
            check=True,
            timeout=120,
        )

    def migrate(self) -> None:
        self.product.manage("migrate", "--noinput", "--verbosity", "0")

    def _in_old_code(self, arguments: list[str]) -> list[str]:
        return [
            part.replace(str(BASE_DIR / "manage.py"), str(self.old_code / "manage.py"))
            for part in arguments
        ]

    def stop(self, *names: str) -> None:
        for name in names:
            self.product._running.pop(name).stop()

    def post(self, channel: str, *payloads: dict[str, Any]) -> None:
        with self.client.pipeline() as pipeline:
            for payload in payloads:
                pipeline.xadd(channel, {"data": json.dumps({**payload, "eventId": "e1"})})
            pipeline.execute()

    def post_chat(self, count: int) -> None:
        numbers = range(self._posted, self._posted + count)
        self.post(keys.CHAT_MESSAGE, *(chat(f"m{number}", f"u{number % 20}") for number in numbers))
        self._posted += count

    def wait_for_ticks(self, count: int = 2) -> None:
        """Waits until ``count`` more ticks are scored."""
        due = tick_at(server_time_ms(self.client)) + count
        wait_for(lambda: scored_tick(self.client) >= due, f"tick {due} is scored", 90)
        time.sleep(0.5)

    def rows(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.product.database_url) as connection:
            return connection.execute(
                "SELECT extract(epoch FROM time)::bigint / 5, chat_count, active_users,"
                " total_users, poll_participation FROM engagement_metrics"
                " JOIN sessions_app_session ON id = session_id WHERE external_id = 's1'"
                " ORDER BY time"
            ).fetchall()

    def ticks(self, session: str) -> list[int]:
        """The ticks for which the session has a row, in order of time."""
        found = self._query(
            "SELECT extract(epoch FROM metrics.time)::bigint / 5 FROM engagement_metrics metrics"
            " JOIN sessions_app_session session ON session.id = session_id"
            " WHERE external_id = %s ORDER BY metrics.time",
            session,
        )
        return [tick for (tick,) in found]

    def anomalies(self, session: str) -> list[tuple[Any, ...]]:
        """ID, type and end of each anomaly of the session, oldest first."""
        return self._query(
            "SELECT anomaly.id, anomaly.type, anomaly.ended_at FROM anomalies anomaly"
            " JOIN sessions_app_session session ON session.id = session_id"
            " WHERE external_id = %s ORDER BY anomaly.time",
            session,
        )

    def _query(self, query: str, session: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.product.database_url, connect_timeout=5) as connection:
            return connection.execute(query, [session]).fetchall()


@pytest.fixture
def upgrade(tmp_path: Path, servers: dict[str, RunningServer], old_code: Path) -> Iterator[Upgrade]:
    database, valkey = (servers[name].server.url for name in ("database", "redis"))
    with running_product(tmp_path, database, valkey) as product:
        yield Upgrade(product, old_code)


def begin_session(upgrade: Upgrade) -> None:
    people = [f"u{number}" for number in range(PEOPLE)]
    upgrade.post(keys.SYNC_EVENTS, *(user("user_join", name) for name in people))
    upgrade.post(keys.POLL_VOTE, *(vote(name) for name in people[:6]))
    upgrade.post_chat(40)


def go_on(upgrade: Upgrade) -> None:
    """A voter votes again, somebody leaves, and a new voter votes."""
    upgrade.post(keys.SYNC_EVENTS, user("user_leave", "u29"))
    upgrade.post(keys.POLL_VOTE, vote("u0"), vote("u10"))
    upgrade.post_chat(25)


def assert_went_on(upgrade: Upgrade) -> None:
    rows = upgrade.rows()
    ticks = [row[0] for row in rows]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks))), "a hole, or a row too many"
    assert sum(row[1] for row in rows) == 65
    assert [row[3] for row in rows if row[3] != PEOPLE] == []
    assert rows[-1][2] == PEOPLE - 1
    assert rows[-1][4] == pytest.approx(7 / PEOPLE)


def test_sessions_continue_after_a_full_restart(upgrade: Upgrade) -> None:
    """One session that has just begun, and one with an open alert."""
    upgrade.migrate_old()
    room = Room(upgrade.product.redis_url, "talk", "event-talk")
    backfill([room], HISTORY_SECONDS)
    for kind in PIPELINE:
        upgrade.start_old(kind)
    wait_for(lambda: scored_tick(upgrade.client), "the first tick is scored", 90)
    with room:
        begin_session(upgrade)
        wait_until_caught_up(upgrade.product.redis_url)
        room.leave(LEAVING, 1)
        wait_for(lambda: upgrade.anomalies("talk"), "the mass exit is detected", 60)
        upgrade.wait_for_ticks()
        opened = upgrade.anomalies("talk")
        upgrade.stop(*(f"old {kind}" for kind in PIPELINE))
        go_on(upgrade)
        upgrade.migrate()
        for kind in PIPELINE:
            upgrade.product.start(kind)
        upgrade.wait_for_ticks()
        assert_went_on(upgrade)
        assert upgrade.anomalies("talk") == opened
        assert [ended for _, _, ended in opened] == [None]
        room.come_back(1)
        wait_for(lambda: upgrade.anomalies("talk")[0][2], "its end is detected", 90)
    assert [anomaly[:2] for anomaly in upgrade.anomalies("talk")] == [opened[0][:2]]
    ticks = upgrade.ticks("talk")
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks))), "a hole, or a row too many"
    assert len(ticks) > HISTORY_SECONDS / TICK_SECONDS
    assert "rebuilt" not in upgrade.product.log("worker").lower()


@pytest.mark.parametrize("first", ["collector", "worker"])
def test_nothing_is_lost_while_processes_of_both_releases_work(
    upgrade: Upgrade, first: str
) -> None:
    """Regardless of which process is replaced first."""
    upgrade.migrate_old()
    for kind in PIPELINE:
        upgrade.start_old(kind)
    wait_for(lambda: scored_tick(upgrade.client), "the first tick is scored", 90)
    begin_session(upgrade)
    upgrade.wait_for_ticks()
    upgrade.migrate()
    upgrade.stop(f"old {first}")
    upgrade.product.start(first)
    go_on(upgrade)
    upgrade.wait_for_ticks()
    assert_went_on(upgrade)
