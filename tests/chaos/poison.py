"""Malformed data among valid data: it affects only itself, and everything else stays exact.

The victims are separate sessions, in shards without sessions of the conference.
"""

import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from sessions_app.redis_access import keys
from sessions_app.state.session_windows import SessionWindows
from sessions_app.telemetry.counters import LOST_TABLES, SET_ASIDE, UNREADABLE, read_counters
from tests.chaos.faults import Fault, Watch
from tests.chaos.stack_run import ChaosError, StackRun, wait_for
from tests.platform import chat, user, vote

# ID prefix of the victims, which are not compared with the oracle.
VICTIM = "poisoned"
PEOPLE = 20
CROWD = 20_000
POLLS = 64
LARGE_ENTRIES = 100
MEBIBYTE = 1024 * 1024
COOKIE = r'engagement_session="\000aaaaaaaaaa"'
HANDSHAKES_PER_SECOND = 35
ATTACK_SECONDS = 20
JUNK = (b"", b"junk", b"\x93\x01\x02", b"\xff" * 300)
RECOVERY_SECONDS = 90.0


class Poisons:
    """The faults, and the number of dead letters they must cause.

    Attributes:
        bad_payloads: number of bad payloads posted so far.
    """

    def __init__(self) -> None:
        self.bad_payloads = 0
        self._victims = 0

    def everything(self) -> list[Fault]:
        return [
            Fault("poison: a table of a session with an extra byte", self._table),
            Fault("poison: the windows of a shard", self._blob(keys.shard_windows)),
            Fault("poison: the detector's state of a shard", self._blob(keys.shard_detector)),
            Fault("poison: the outbox of a shard", self._blob(keys.shard_outbox)),
            Fault("poison: unreadable blocks and identities", self._lists),
            Fault(f"poison: {LARGE_ENTRIES} entries of 1 MiB, and invalid JSON", self._entries),
            Fault("poison: an entry ID a second ahead with a long number", self._long_number),
            Fault(f"poison: a session of {CROWD:,} people and {POLLS} polls", self._session),
            Fault(f"poison: {HANDSHAKES_PER_SECOND} bad cookies per second", self._cookies),
        ]

    def _table(self, stack: StackRun, watch: Watch) -> None:
        with self._victim(stack) as (client, victim, shard):
            windows = _windows(client, shard)
            row = windows.external_ids.index(victim)
            field = str(int(windows.rows["session_id"][row]))

            def hurt() -> None:
                table = client.hget(keys.shard_presence(shard), field)
                client.hset(keys.shard_presence(shard), field, (table or b"") + b"x")
                _post(client, keys.SYNC_EVENTS, user("typing", "u1", victim))

            _until_counted(client, shard, watch, hurt, LOST_TABLES)
            self._expect_people(client, shard, victim)

    def _blob(self, key_of: Callable[[int], str]) -> Callable[[StackRun, Watch], None]:
        def run(stack: StackRun, watch: Watch) -> None:
            with self._victim(stack) as (client, victim, shard):

                def hurt() -> None:
                    client.set(key_of(shard), JUNK[1])

                _until_counted(client, shard, watch, hurt, SET_ASIDE)
                self._expect_people(client, shard, victim)

        return run

    def _lists(self, stack: StackRun, watch: Watch) -> None:
        with self._victim(stack) as (client, victim, shard):

            def hurt() -> None:
                tick = int(client.get(keys.scored_tick(shard)) or 0) + 2
                client.rpush(keys.arrivals(shard, tick), *JUNK)
                client.rpush(keys.late_arrivals(shard), *JUNK)
                client.rpush(keys.shard_identities(shard), JUNK[3] + b"x")
                _post(client, keys.CHAT_MESSAGE, chat("m1", session=victim))

            _until_counted(client, shard, watch, hurt, UNREADABLE, LOST_TABLES)
            self._expect_people(client, shard, victim)

    def _entries(self, stack: StackRun, watch: Watch) -> None:
        with redis.Redis.from_url(stack.servers["redis"]) as client:
            for number in range(LARGE_ENTRIES):
                large = chat(f"l{number}", session=VICTIM) | {"padding": "x" * MEBIBYTE}
                client.xadd(keys.CHAT_MESSAGE, {"data": json.dumps(large)})
                client.xadd(keys.SYNC_EVENTS, {"data": JUNK[3]})
                self.bad_payloads += 2
                watch(0)

            def is_read() -> bool:
                watch(0)
                return int(client.xlen(keys.DEAD_LETTERS)) >= self.bad_payloads

            wait_for(is_read, "bad entries are dead letters", RECOVERY_SECONDS)

    def _long_number(self, stack: StackRun, watch: Watch) -> None:
        with redis.Redis.from_url(stack.servers["redis"]) as client:
            seconds, microseconds = client.time()
            ahead = seconds * 1000 + microseconds // 1000 + 1000
            sign = json.dumps(user("typing", "u1", VICTIM))
            client.xadd(keys.LIVE_SYNC, {"data": sign}, id=f"{ahead}-{2**40}")
            for _ in range(100):
                client.xadd(keys.LIVE_SYNC, {"data": sign})
            watch(10)

    def _session(self, stack: StackRun, watch: Watch) -> None:
        with self._victim(stack) as (client, victim, shard):
            people = [f"u{number}" for number in range(CROWD)]
            _post(client, keys.SYNC_EVENTS, *(user("user_join", name, victim) for name in people))
            for poll in range(POLLS):
                votes = (vote(name, f"p{poll}", victim) for name in people[poll::POLLS])
                _post(client, keys.POLL_VOTE, *votes)
                watch(0)
            _wait_for_ticks(client, shard, watch, count=3)
            self._expect_people(client, shard, victim, CROWD)

    def _cookies(self, stack: StackRun, watch: Watch) -> None:
        host = stack.url.removeprefix("http://").rstrip("/")
        end = time.monotonic() + ATTACK_SECONDS
        while time.monotonic() < end:
            status = _page_status(host, "/")
            if status is not None and status >= 500:
                raise ChaosError(f"a page returns {status} for a bad cookie")
            _shake_hands(host)
            watch(0)
            time.sleep(1 / HANDSHAKES_PER_SECOND)

    @contextmanager
    def _victim(self, stack: StackRun) -> Iterator[tuple["redis.Redis", str, int]]:
        """A session with people, in a shard with no other sessions than victims."""
        with redis.Redis.from_url(stack.servers["redis"]) as client:
            victim, shard = self._next_victim(client)
            joins = (user("user_join", f"u{number}", victim) for number in range(PEOPLE))
            _post(client, keys.SYNC_EVENTS, *joins)

            def is_there() -> bool:
                return victim in _windows(client, shard).external_ids

            wait_for(is_there, f"{victim} is scored", RECOVERY_SECONDS)
            yield client, victim, shard

    def _next_victim(self, client: "redis.Redis") -> tuple[str, int]:
        while True:
            self._victims += 1
            name = f"{VICTIM}-{self._victims}"
            shard = keys.shard_of(name)
            others = _windows(client, shard).external_ids
            if all(other.startswith(VICTIM) for other in others):
                return name, shard

    @staticmethod
    def _expect_people(
        client: "redis.Redis", shard: int, victim: str, people: int = PEOPLE
    ) -> None:
        windows = _windows(client, shard)
        if victim not in windows.external_ids:
            raise ChaosError(f"{victim} is gone")
        active = int(windows.active_users()[windows.external_ids.index(victim)])
        if active != people:
            raise ChaosError(f"{active} of {people} people are left in {victim}")


def _windows(client: "redis.Redis", shard: int) -> SessionWindows:
    stored = client.get(keys.shard_windows(shard))
    return SessionWindows(0) if stored is None else SessionWindows.from_bytes(stored)


def _post(client: "redis.Redis", channel: str, *payloads: dict[str, Any]) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for payload in payloads:
            pipeline.xadd(channel, {"data": json.dumps(payload)})
        pipeline.execute()


def _wait_for_ticks(client: "redis.Redis", shard: int, watch: Watch, count: int = 2) -> None:
    """Waits until the shard has scored ``count`` more ticks."""
    due = int(client.get(keys.scored_tick(shard)) or 0) + count

    def is_due() -> bool:
        watch(0)
        return int(client.get(keys.scored_tick(shard)) or 0) >= due

    wait_for(is_due, f"shard {shard} is scored", RECOVERY_SECONDS)


def _until_counted(
    client: "redis.Redis", shard: int, watch: Watch, hurt: Callable[[], None], *counters: str
) -> None:
    """Repeats the damage until each counter shows it, as a tick in progress may overwrite it."""
    before = _counted(client)

    def is_counted() -> bool:
        hurt()
        _wait_for_ticks(client, shard, watch)
        now = _counted(client)
        return all(now[counter] > before[counter] for counter in counters)

    wait_for(is_counted, f"{' and '.join(counters)} are counted", RECOVERY_SECONDS)


def _counted(client: "redis.Redis") -> Counter[str]:
    """The counters, summed over all labels."""
    totals: Counter[str] = Counter()
    for name, amount in read_counters(client).items():
        totals[name.partition(":")[0]] += round(amount)
    return totals


def _page_status(host: str, path: str) -> int | None:
    with contextlib.closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        try:
            connection.request("GET", path, headers={"Cookie": COOKIE})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None


def _shake_hands(host: str) -> None:
    headers = {
        "Cookie": COOKIE,
        "Origin": f"http://{host}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    connection = http.client.HTTPConnection(host, timeout=10)
    with (
        contextlib.closing(connection),
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        connection.request("GET", "/ws/overview/", headers=headers)
        connection.getresponse()
