"""Two processes of each kind, started as documented, share the work and count exactly."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.test import Client

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import commands, ports
from engagement_conductor.local_stack.processes import Launch
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import tick_at, tick_end_ms
from tests.e2e.driving.live_socket import LiveSocket
from tests.e2e.driving.stack_process import RunningProcesses, running_product, scored_tick, wait_for
from tests.e2e.driving.traffic import SteadyChat, UpdateListener, posted_chat, stored_ticks
from tests.factories import make_cast

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SESSIONS = [f"room-{number}" for number in range(24)]
COLLECTOR = commands.COLLECTOR
TICKS = 4
# Redis serves the longest waiting reader first, so both get about half.
LEAST_SHARE = 0.1
SCORED = re.compile(r"Scored \d+ sessions.*\[shard=(\d+) tick=(\d+)")


@pytest.fixture
def second_port() -> int:
    return ports.find_free()


@pytest.fixture
def product(
    tmp_path: Path,
    database_url: str,
    redis_url: str,
    redis_client: "redis.Redis",
    second_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningProcesses]:
    # Makes workers log the shards and ticks they score.
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    names = ("web", "collector", "worker", "beat")
    with running_product(tmp_path, database_url, redis_url, *names) as product:
        celery = [sys.executable, "-m", "celery", "-A", "engagement_conductor"]
        seconds = {
            "web": commands.processes(second_port, demo=False)["web"].arguments,
            "collector": commands.manage("collect_events", "--name", "second"),
            "worker": [*celery, "worker", "-Q", "engagement", "--concurrency", "2"],
        }
        for kind, arguments in seconds.items():
            launch = Launch(kind, arguments, product.environment, BASE_DIR)
            product.launch(launch, f"second {kind}")
        yield product


def collected(client: "redis.Redis") -> dict[str, int]:
    """Number of events that each collector has delivered."""
    counts = {
        name: client.hget(keys.collector_status(name), "events") for name in (COLLECTOR, "second")
    }
    return {name: int(count or 0) for name, count in counts.items()}


def scored(product: RunningProcesses, worker: str) -> Counter[tuple[int, int]]:
    """How often a worker has scored each tick of each shard."""
    return Counter((int(shard), int(tick)) for shard, tick in SCORED.findall(product.log(worker)))


def test_two_of_each_share_the_work_and_count_exactly(
    product: RunningProcesses, redis_client: "redis.Redis", second_port: int
) -> None:
    alice = make_cast().alice
    client = redis_client
    with UpdateListener(product.redis_url) as listener, SteadyChat(product.redis_url, SESSIONS):
        product.wait_until_ready()
        wait_for(lambda: ports.is_free(second_port) is False, "the second web server serves")
        wait_for(lambda: min(collected(client).values()) > 0, "both collectors collect")
        wait_for(
            lambda: all(scored(product, name) for name in ("worker", "second worker")),
            "both workers score",
        )
        wait_for(lambda: Session.objects.filter(external_id__in=SESSIONS).count() == 24, "all live")
        session = Session.objects.get(external_id=SESSIONS[0])
        session.event.organizers.add(alice)
        first = tick_at(server_time_ms(client)) + 1
        assert same_points(product.web_port, second_port, session, alice, first)
    last = tick_at(server_time_ms(client))
    wait_for(lambda: scored_tick(client) > last, "all is scored")
    wait_for(
        lambda: all(stored_ticks(product.database_url, name)[-1].tick > last for name in SESSIONS),
        "all is stored",
    )

    shares = collected(client)
    assert min(shares.values()) > LEAST_SHARE * sum(shares.values()), shares
    for name in SESSIONS:
        rows = stored_ticks(product.database_url, name)
        assert [row.tick for row in rows] == [*range(rows[0].tick, rows[-1].tick + 1)]
        counted = {row.tick: row.chat_count for row in rows if row.tick <= last}
        assert counted == posted_chat(client, name, rows[0].tick, last)
    twice = scored(product, "worker") + scored(product, "second worker")
    assert set(twice.values()) == {1}
    told = Counter((update.session, update.tick) for update in listener.updates)
    assert set(told.values()) == {1}


def same_points(
    port: int, second_port: int, session: Session, user: object, first_tick: int
) -> bool:
    """Whether both web servers send the same points for the next ticks, with none missing."""
    browser = Client()
    browser.force_login(user)
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    path = f"/ws/sessions/{session.pk}/"
    with LiveSocket(port, path, cookies) as one, LiveSocket(second_port, path, cookies) as other:
        points = one.points_from(tick_end_ms(first_tick), TICKS)
        times = [tick_end_ms(first_tick + number) for number in range(TICKS)]
        assert [point["time"] for point in points] == times
        return points == other.points_from(tick_end_ms(first_tick), TICKS)
