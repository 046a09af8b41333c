"""A shard whose ticks outlast its lock and the tick length: the other 15 shards stay current.

Uses the product's real processes, and a worker in which the ticks of one shard are slow.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis

from dashboard.monitoring.health import shards_part
from engagement_conductor.local_stack import commands
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.telemetry.shard_conditions import scored_ticks
from sessions_app.ticks import tick_at
from tests.e2e.driving.stack_process import RunningProcesses, running_installation, wait_for
from tests.e2e.driving.traffic import SteadyChat

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(240)]

SLOW = 3
# Longer than LOCK_SECONDS; the lock is renewed meanwhile.
SECONDS = 12.0
WATCHED_SECONDS = 60.0
SESSIONS = [
    next(name for name in map("room-{}".format, range(999)) if keys.shard_of(name) == shard)
    for shard in range(keys.SHARD_COUNT)
]


@dataclass
class Stage:
    product: RunningProcesses
    client: "redis.Redis"

    def start_worker(self, seconds: float, concurrency: int) -> None:
        usual = commands.processes(self.product.web_port, demo=False)["worker"]
        arguments = usual.arguments[usual.arguments.index("worker") + 1 :]
        arguments[arguments.index("--concurrency") + 1] = str(concurrency)
        program = [
            usual.arguments[0],
            "-m",
            "tests.e2e.driving.slow_worker",
            str(SLOW),
            str(seconds),
        ]
        launch = replace(
            usual, arguments=[*program, *arguments], environment=self.product.environment
        )
        self.product.launch(launch, "worker")

    def lags(self) -> dict[int, int]:
        """Number of ended ticks that each shard has not scored yet."""
        ended = tick_at(server_time_ms(self.client)) - 1
        return {shard: ended - (tick or 0) for shard, tick in enumerate(scored_ticks(self.client))}

    def worst_lags(self, seconds: float) -> dict[int, int]:
        """The largest lag of each shard over a period."""
        worst = dict.fromkeys(range(keys.SHARD_COUNT), 0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            worst = {shard: max(worst[shard], lag) for shard, lag in self.lags().items()}
            time.sleep(0.2)
        return worst


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with (
        running_installation(tmp_path) as (product, _),
        redis.Redis.from_url(product.redis_url, socket_timeout=5) as client,
    ):
        for name in ("collector", "beat", "worker"):
            product.start(name)
        stage = Stage(product, client)
        wait_for(lambda: max(stage.lags().values()) <= 1, "all are scored")
        with SteadyChat(product.redis_url, SESSIONS):
            product.end("worker", signal.SIGTERM)
            yield stage


def test_a_tick_longer_than_its_lock_delays_no_other_shard(stage: Stage) -> None:
    stage.start_worker(SECONDS, concurrency=2)
    others = [shard for shard in range(keys.SHARD_COUNT) if shard != SLOW]

    wait_for(lambda: max(map(stage.lags().get, others)) <= 1, "the others are scored")
    worst = stage.worst_lags(WATCHED_SECONDS)
    # One for the tick that has just ended, and one for a tick that may be late.
    assert max(worst[shard] for shard in others) <= 2
    assert worst[SLOW] > 5
    scored = [tick for tick in scored_ticks(stage.client) if tick is not None]
    assert len(scored) == keys.SHARD_COUNT, "the slow shard progresses, too"
    found = shards_part(
        [
            {field: getattr(each, field) for field in each.__struct_fields__}
            for each in pipeline_status(stage.client).shards
        ]
    )
    assert [trouble["shard"] for trouble in found["troubled"]] == [SLOW]
    assert found["troubled"][0]["is_apart"]
    assert "its lock expired before" not in stage.product.log("worker")


def test_with_one_process_a_shard_over_its_budget_leaves_the_others_current(stage: Stage) -> None:
    stage.start_worker(3.0, concurrency=1)
    others = [shard for shard in range(keys.SHARD_COUNT) if shard != SLOW]
    wait_for(lambda: max(map(stage.lags().get, others)) <= 1, "the others are scored")
    time.sleep(20)
    worst = stage.worst_lags(WATCHED_SECONDS)
    assert max(worst[shard] for shard in others) <= 2
    assert worst[SLOW] <= 60
