"""Any process may die: nothing is lost, nothing counts twice, no tick is missing.

Chat is posted continuously while processes and servers are killed and restarted. The entries of the
stream are the ground truth.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
import redis
from psycopg import sql

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import tick_at
from tests.e2e.driving.stack_process import (
    PRODUCT,
    RunningProcesses,
    RunningServer,
    running_installation,
    scored_tick,
    wait_for,
)
from tests.e2e.driving.traffic import (
    SteadyChat,
    StoredTick,
    UpdateListener,
    posted_chat,
    stored_ticks,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SESSIONS = ["talk", "workshop"]
COLLECTOR_AWAY_SECONDS = 12.0
# Long enough for every process to notice the outage.
NOTICE_SECONDS = 2.0
STOP_LIMIT_SECONDS = 10.0


@dataclass
class Stage:
    """The running system that the tests of this module disturb."""

    product: RunningProcesses
    servers: dict[str, RunningServer]
    client: "redis.Redis"
    listener: UpdateListener

    def tick(self) -> int:
        """The current tick."""
        return tick_at(server_time_ms(self.client))

    def stored(self, session: str) -> list[StoredTick]:
        return stored_ticks(self.product.database_url, session)

    def stored_up_to(self, session: str) -> int:
        """The last stored tick; 0 while the database is unavailable."""
        with suppress(psycopg.OperationalError):
            if rows := self.stored(session):
                return rows[-1].tick
        return 0

    def pass_a_tick(self) -> int:
        """Waits for the end of the current tick and some time to score it; returns the tick."""
        passing = self.tick()
        wait_for(lambda: self.tick() > passing, "a tick goes by")
        time.sleep(NOTICE_SECONDS)
        return passing

    def verify_from(self, first: int) -> None:
        """Waits until the current tick is stored; all ticks since ``first`` must be exact."""
        last = self.tick()
        for session in SESSIONS:
            wait_for(
                lambda session=session: self.stored_up_to(session) >= last,
                f"tick {last} of {session} is stored",
            )
            rows = [row for row in self.stored(session) if first <= row.tick <= last]
            assert [row.tick for row in rows] == list(range(first, last + 1))
            counts = {row.tick: row.chat_count for row in rows}
            assert counts == posted_chat(self.client, session, first, last)
            assert all(row.chat_msgs_per_min > 0 for row in rows)


@pytest.fixture(scope="module")
def running_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("stage")
    with (
        running_installation(directory) as (product, servers),
        SteadyChat(product.redis_url, SESSIONS),
        UpdateListener(product.redis_url) as listener,
        redis.Redis.from_url(product.redis_url, socket_timeout=5) as client,
    ):
        yield Stage(product, servers, client, listener)


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    """Everything is running, and both sessions have been scored."""
    running_stage.product.start_missing()
    for session in SESSIONS:
        wait_for(lambda session=session: running_stage.stored_up_to(session), "first rows")
    return running_stage


def test_killed_collector_leaves_ticks_unscored_until_it_is_back(stage: Stage) -> None:
    first = stage.tick()
    stage.product.end("collector", signal.SIGKILL)
    gone = stage.tick()
    time.sleep(COLLECTOR_AWAY_SECONDS)
    assert scored_tick(stage.client) < gone
    assert all(update.tick < gone for update in stage.listener.updates)
    assert stage.tick() >= gone + 2
    stage.product.start("collector")
    stage.verify_from(first)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ticks_missed_without_a_worker_are_caught_up(stage: Stage, number: signal.Signals) -> None:
    first = stage.tick()
    stage.product.end("worker", number)
    passed = stage.pass_a_tick()
    assert scored_tick(stage.client) < passed
    stage.product.start("worker")
    stage.verify_from(first)


def test_ticks_missed_without_beat_are_caught_up(stage: Stage) -> None:
    first = stage.tick()
    stage.product.end("beat", signal.SIGKILL)
    passed = stage.pass_a_tick()
    assert scored_tick(stage.client) < passed
    stage.product.start("beat")
    stage.verify_from(first)


def test_two_beats_score_no_tick_twice(stage: Stage) -> None:
    stage.product.start("beat", "second beat")
    wait_for(lambda: "Sending score-tick" in stage.product.log("second beat"), "it sends, too")
    first = stage.tick()
    wait_for(lambda: stage.tick() > first, "a tick goes by")
    stage.verify_from(first)
    updates = [update for update in stage.listener.updates if update.tick >= first]
    assert set(Counter((update.session, update.tick) for update in updates).values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_recover_when_redis_is_restarted(stage: Stage, number: signal.Signals) -> None:
    first = stage.tick()
    stage.servers["redis"].end(number)
    time.sleep(NOTICE_SECONDS)
    stage.servers["redis"].start()
    stage.verify_from(first)
    assert all(stage.product.is_running(name) for name in PRODUCT)
    wait_for(lambda: stage.product.page_status("/health") == 200, "the pages work")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_all_recover_when_postgresql_is_restarted(stage: Stage, number: signal.Signals) -> None:
    first = stage.tick()
    stage.servers["database"].end(number)
    stage.pass_a_tick()
    stage.servers["database"].start()
    stage.verify_from(first)
    assert all(stage.product.is_running(name) for name in PRODUCT)
    wait_for(lambda: stage.product.page_status("/health") == 200, "the pages work")


def test_a_migration_and_a_later_version_take_over_a_running_stack(
    stage: Stage,
) -> None:
    first = stage.tick()
    with psycopg.connect(stage.product.database_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            # A change that migrations may make according to docs/operations.md.
            query = sql.SQL("ALTER TABLE {} ADD COLUMN of_a_later_version integer")
            connection.execute(query.format(sql.Identifier(table)))
    stage.pass_a_tick()
    for name in PRODUCT:
        stage.product.end(name, signal.SIGTERM)
        stage.product.start(name)
    stage.verify_from(first)


def test_every_process_stops_on_sigterm_and_resumes(stage: Stage) -> None:
    first = stage.tick()
    seconds = {name: stage.product.end(name, signal.SIGTERM) for name in PRODUCT}
    assert max(seconds.values()) < STOP_LIMIT_SECONDS, seconds
    assert not stage.client.exists(keys.SUBSCRIBER_LEASE)
    stage.product.start_missing()
    stage.verify_from(first)
