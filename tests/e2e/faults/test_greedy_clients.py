"""Slow and greedy clients are limited, and hardly affect others.

With ``ABUSE_CONNECTIONS=10000``, as in ``make abuse``, one user opens that many sockets.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from engagement_conductor.local_stack import commands
from sessions_app.models import EngagementMetric, Session
from tests.e2e.driving.greedy import (
    Polite,
    Streams,
    Target,
    attack,
    cookies_of,
    ended,
    masked,
    memory_of,
)
from tests.e2e.driving.stack_process import RunningProcesses, wait_for
from tests.factories import Cast, last_tick_end, make_cast, make_event, make_metrics, make_session
from tests.servers.restartable_valkey import RestartableValkey

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(600)]

MEGABYTE = 1024 * 1024
CONNECTIONS = int(os.environ.get("ABUSE_CONNECTIONS", "300"))
# 30 % of the attempts, as 3,000 of 10,000.
ALLOWED_SOCKETS = CONNECTIONS * 3 // 10
# Generous: the attackers share two cores with the server they attack.
LONGEST_WAIT_SECONDS = 15.0
# In a rush, the kernel may retry a connection several times, with growing delays.
LONGEST_RUSH_SECONDS = 15.0 if CONNECTIONS < 1_000 else 90.0
SESSIONS = 150
WALL = 3_000
STORED_ROWS = 40_000


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cast = make_cast()
    for number in range(SESSIONS):
        make_metrics(make_session(cast.session.event, f"Talk {number}"), [0.5] * 40)
    return cast


@pytest.fixture
def start(
    tmp_path, database_url: str, valkey: RestartableValkey, cast: Cast
) -> Iterator[Callable[..., RunningProcesses]]:
    """Starts the web server, optionally with few file descriptors."""
    product = RunningProcesses(tmp_path, database_url, valkey.url)

    def start_web(descriptors: int = 0, **environment: str) -> RunningProcesses:
        launch = commands.processes(product.web_port, demo=False)["web"]
        arguments = launch.arguments
        if descriptors:
            arguments = ["prlimit", f"--nofile={descriptors}:{descriptors}", *arguments]
        variables = {**product.environment, **environment}
        product.launch(replace(launch, arguments=arguments, environment=variables), "web")
        wait_for(lambda: product.page_status("/healthz") == 200, "the web server responds")
        return product

    yield start_web
    product.stop()


def target(product: RunningProcesses, name: str) -> Target:
    return Target(product.web_port, cookies_of(name))


def assert_served(polite: Polite, seconds: float = LONGEST_WAIT_SECONDS) -> None:
    assert polite.statuses == {200}
    assert len(polite.seconds) > 1
    assert max(polite.seconds) < seconds


def count_database_connections(url: str) -> int:
    with psycopg.connect(url) as link:
        row = link.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return row[0]


def test_a_burst_of_requests_of_one_user_waits_for_its_turn(start) -> None:
    product = start()
    alice, page = target(product, "alice"), "/"

    async def burst() -> tuple[Counter[int], int]:
        request = alice.request(page, "GET", "Connection: close")
        asked = [asyncio.create_task(alice.status(request)) for _ in range(40)]
        most = 0
        while not all(task.done() for task in asked):
            most = max(
                most, await asyncio.to_thread(count_database_connections, product.database_url)
            )
            await asyncio.sleep(0.1)
        return Counter(task.result() for task in asked), most

    with Polite(target(product, "bob")).browsing() as polite:
        statuses, connections = attack(burst())
    # Requests that had to wait too long get a 503.
    assert set(statuses) <= {200, 503}
    assert statuses[200] > 20
    assert connections < 20
    assert_served(polite)


def test_endless_bodies_and_addresses_are_refused(start) -> None:
    product = start()
    alice = target(product, "alice")
    before = memory_of(product)
    form = "Content-Type: application/x-www-form-urlencoded"

    async def post(*headers: str, chunked: bool) -> int:
        reader, writer = await alice.connect(alice.request("/login/", "POST", form, *headers))
        block = b"a" * MEGABYTE
        for _ in range(64):
            writer.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            await writer.drain()
        writer.write(b"0\r\n\r\n" if chunked else b"")
        return int((await reader.readline()).split()[1])

    async def attempt() -> list[int]:
        return [
            await post(f"Content-Length: {64 * MEGABYTE}", chunked=False),
            await post("Transfer-Encoding: chunked", chunked=True),
            await alice.status(alice.request("/?" + "x" * 15_000, "GET", "Connection: close")),
            await alice.status(alice.request("/" + "x" * 20_000)),
            await alice.status(alice.request("/", "GET", "X: " + "x" * 20_000)),
            await alice.status(alice.request("/", "GET", *(f"X-{n}: x" for n in range(600)))),
        ]

    with Polite(target(product, "bob")).browsing() as polite:
        assert attack(attempt()) == [413, 413, 200, 431, 431, 400]
    assert_served(polite)
    assert memory_of(product) - before < 50 * MEGABYTE


def test_slow_senders_and_readers_are_disconnected(start, cast: Cast) -> None:
    """Incomplete requests, unread pages and downloads, and sockets that send but never read."""
    product = start()
    alice, charlie = target(product, "alice"), target(product, "charlie")
    fill_a_wall(cast.charlie)
    before = memory_of(product)
    talk = store_many(Session.objects.get(title="Talk 0"))

    async def drip() -> bool:
        reader, writer = await alice.connect(b"GET / HTTP/1.1\r\n")
        watch = asyncio.create_task(ended(reader, 50))
        with suppress(OSError):
            while not watch.done():
                writer.write(b"X: x\r\n")
                await writer.drain()
                await asyncio.sleep(1)
        return await watch

    async def leave_unread(path: str) -> bool:
        """Whether the server closes a connection that nobody reads: sending then fails."""
        _, writer = await alice.connect(alice.request(path))
        return await keep_talking(writer, b"\r\n")

    async def talk_and_never_read() -> bool:
        opened = await charlie.open_socket("/ws/overview/")
        assert opened is not None
        return await keep_talking(opened[1], masked(b'{"type":"snapshot"}'))

    async def flood() -> bool:
        opened = await alice.open_socket("/ws/overview/")
        assert opened is not None
        reader, writer = opened
        watch = asyncio.create_task(ended(reader, 50))
        with suppress(OSError):
            while not watch.done():
                writer.write(masked(b'{"type":"snapshot"}') * 1_000)
                await writer.drain()
        return await watch

    async def attempt() -> dict[str, set[bool]]:
        attacks = {
            "drip": [drip() for _ in range(30)],
            "download": [leave_unread(f"/sessions/{talk}/metrics.csv") for _ in range(2)],
            "talk": [talk_and_never_read() for _ in range(10)],
            "flood": [flood() for _ in range(3)],
        }
        results = await asyncio.gather(*(asyncio.gather(*each) for each in attacks.values()))
        return {name: set(each) for name, each in zip(attacks, results, strict=True) if each}

    with Polite(target(product, "bob")).browsing() as polite:
        outcome = attack(attempt())
    assert outcome == {name: {True} for name in ("drip", "download", "talk", "flood")}
    assert_served(polite)
    assert memory_of(product) - before < 120 * MEGABYTE


async def keep_talking(writer: asyncio.StreamWriter, text: bytes) -> bool:
    """Sends a text every second; returns whether the other side closes the connection."""
    for _ in range(100):
        writer.write(text)
        await asyncio.sleep(1)
        if writer.is_closing():
            return True
    return False


def fill_a_wall(user: User) -> None:
    """Gives a user enough live sessions for a snapshot of more than a megabyte."""
    event, now = make_event("Flood", user), last_tick_end()
    usual = {"event": event, "title": "x" * 250, "started_at": now, "last_seen_at": now}
    Session.objects.bulk_create(
        Session(external_id=f"talk-{number}", **usual) for number in range(WALL)
    )


def store_many(session: Session) -> int:
    """Stores 40,000 more metric rows of a session; returns its key."""
    [metric] = EngagementMetric.objects.filter(session=session)[:1]
    columns = [field.column for field in EngagementMetric._meta.concrete_fields]
    copied = ", ".join("m.time - n * interval '5 s'" if c == "time" else f"m.{c}" for c in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO engagement_metrics ({', '.join(columns)}) SELECT {copied} "
            "FROM engagement_metrics m, generate_series(1000, %s) n "
            "WHERE m.session_id = %s AND m.time = %s",
            [1000 + STORED_ROWS - 1, session.pk, metric.time],
        )
    return session.pk


def test_ten_years_are_streamed_or_cut(start) -> None:
    product = start()
    alice = replace(target(product, "alice"), limit=2**20)
    key = store_many(Session.objects.get(title="Talk 0"))
    years = (last_tick_end() - timedelta(days=3650)).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = memory_of(product)
    most = before

    async def download() -> int:
        nonlocal most
        address = f"/sessions/{key}/metrics.csv?from={years}"
        reader, _ = await alice.connect(alice.request(address, "GET", "Connection: close"))
        rows = 0
        while data := await reader.read(2**20):
            rows += data.count(b",MODERATE,")
            most = max(most, memory_of(product))
        return rows

    async def look() -> list[int]:
        paths = (f"/sessions/{key}/history/?range=all", f"/sessions/{key}/report/")
        return [
            await alice.status(alice.request(path, "GET", "Connection: close")) for path in paths
        ]

    with Polite(target(product, "bob")).browsing() as polite:
        rows = attack(download())
        assert attack(look()) == [200, 200]
    assert rows == STORED_ROWS + 40
    assert "Exception" not in product.log("web")
    assert most - before < 60 * MEGABYTE
    assert_served(polite)


def test_one_user_cannot_take_all_sockets(start) -> None:
    product = start(MAX_SOCKETS_PER_USER=str(ALLOWED_SOCKETS))
    alice, bob = target(product, "alice"), target(product, "bob")

    async def attempt() -> int:
        asked = (alice.open_socket("/ws/overview/", 120) for _ in range(CONNECTIONS))
        opened = [socket for socket in await asyncio.gather(*asked) if socket]
        # Everybody else still gets in, while all of these are open.
        other = await bob.open_socket("/ws/overview/", LONGEST_RUSH_SECONDS)
        assert other is not None
        return len(opened)

    with Polite(bob).browsing() as polite:
        opened = attack(attempt())
    assert 0 < opened <= ALLOWED_SOCKETS
    print(f"{opened} open; others waited {sorted(polite.seconds)[-3:]} s at most")
    assert_served(polite, LONGEST_RUSH_SECONDS)


def test_the_server_reserves_descriptors_for_itself(start) -> None:
    product = start(descriptors=400)
    alice = target(product, "alice")

    async def connect() -> Streams | None:
        with suppress(OSError):
            return await alice.connect()

    async def attempt() -> int:
        # Keep both streams: a garbage-collected writer closes its connection.
        silent = await asyncio.gather(*(connect() for _ in range(500)))
        await asyncio.sleep(2)
        return sum([not streams or await ended(streams[0], 0.05) for streams in silent])

    socket_seen = attack(_socket_survives(alice, attempt))
    assert socket_seen
    wait_for(lambda: product.page_status("/health") == 200, "the pages are back", 10)
    assert "Connections are refused: descriptors are running out" in product.log("web")
    assert "Too many open files" not in product.log("web")


async def _socket_survives(alice: Target, attempt) -> bool:
    """Whether a socket opened before an attack still responds after it."""
    opened = await alice.open_socket("/ws/overview/")
    assert opened is not None
    reader, writer = opened
    assert await attempt() > 0
    await asyncio.wait_for(reader.read(1000), 5)
    writer.write(masked(b'{"type":"snapshot"}'))
    return len(await asyncio.wait_for(reader.readexactly(1000), 10)) == 1000


def test_a_wall_of_thousands_is_sent_whole(start, cast: Cast) -> None:
    product = start()
    charlie = replace(target(product, "charlie"), limit=2**22)
    fill_a_wall(cast.charlie)

    async def length() -> int:
        opened = await charlie.open_socket("/ws/overview/")
        assert opened is not None
        head = await asyncio.wait_for(opened[0].readexactly(10), 30)
        snapshot = await opened[0].readexactly(int.from_bytes(head[2:], "big"))
        return snapshot.count(b'"title":')

    assert attack(length()) == WALL
