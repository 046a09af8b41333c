"""What was posted, published and stored, each read from its source."""

import itertools
import json
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, Self

import psycopg
import redis

from sessions_app.redis_access import keys
from sessions_app.ticks import tick_at, tick_ending
from tests.platform import chat

POSTS_PER_STEP = 5
STEP_SECONDS = 0.05


class RedisThread(threading.Thread):
    """A thread with its own client, which runs until the block ends."""

    def __init__(self, redis_url: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._client = redis.Redis.from_url(redis_url, socket_timeout=5)
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self.join(timeout=20)
        self._client.close()


class SteadyChat(RedisThread):
    """Posts chat messages to the stream continuously, across outages of Redis.

    A message whose confirmation was lost is posted again, so the stream may contain it twice.
    """

    def __init__(self, redis_url: str, sessions: list[str]) -> None:
        super().__init__(redis_url, "steady-chat")
        self._sessions = itertools.cycle(sessions)
        self._numbers = itertools.count()

    def run(self) -> None:
        messages = self._next_messages()
        while not self._stopping.wait(STEP_SECONDS):
            try:
                self._post(messages)
                messages = self._next_messages()
            except redis.RedisError:
                continue

    def _next_messages(self) -> list[dict[str, Any]]:
        numbers = itertools.islice(self._numbers, POSTS_PER_STEP)
        return [
            chat(f"m{number}", f"u{number % 40}", next(self._sessions), eventId="e1")
            for number in numbers
        ]

    def _post(self, messages: list[dict[str, Any]]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.xadd(keys.CHAT_MESSAGE, {"data": json.dumps(message)})
            pipeline.execute()


class Update(NamedTuple):
    """An ``engagement:update``, and how long after the end of its tick it arrived."""

    session: str
    tick: int
    payload: dict[str, Any]
    seconds_after_tick: float


class UpdateListener(RedisThread):
    """Collects messages on ``engagement:update``, across outages of Redis.

    Attributes:
        updates: all updates so far.
    """

    def __init__(self, redis_url: str) -> None:
        super().__init__(redis_url, "update-listener")
        self.updates: list[Update] = []
        self._listening = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except redis.RedisError:
                self._stopping.wait(0.05)

    def _listen(self) -> None:
        with self._client.pubsub() as pubsub:
            pubsub.subscribe(keys.ENGAGEMENT_UPDATE)
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=0.2)
                if message is not None and message["type"] == "subscribe":
                    self._listening.set()
                elif message is not None:
                    self.updates.append(_update(message["data"]))

    def of(self, session: str) -> list[Update]:
        return [update for update in self.updates if update.session == session]

    def __enter__(self) -> Self:
        super().__enter__()
        assert self._listening.wait(10)
        return self


def _update(data: bytes) -> Update:
    now = time.time()
    payload = json.loads(data)
    end = datetime.fromisoformat(payload["timestamp"])
    return Update(payload["sessionId"], tick_ending(end), payload, now - end.timestamp())


def posted_chat(client: "redis.Redis", session: str, first: int, last: int) -> dict[int, int]:
    """Messages per tick from ``first`` to ``last``, according to the stream's entry IDs.

    A message that occurs several times counts at its first occurrence.
    """
    ticks: dict[str, int] = {}
    for entry_id, fields in client.xrange(keys.CHAT_MESSAGE):
        payload = json.loads(fields[b"data"])
        if payload["sessionId"] == session:
            ticks.setdefault(payload["message"]["id"], tick_at(int(entry_id.partition(b"-")[0])))
    counts = Counter(ticks.values())
    return {tick: counts[tick] for tick in range(first, last + 1)}


class StoredTick(NamedTuple):
    """A metric row."""

    tick: int
    chat_count: int
    chat_msgs_per_min: float
    total_users: int


def stored_ticks(database_url: str, session: str) -> list[StoredTick]:
    """The metric rows of a session in order of time."""
    columns = "time, chat_count, chat_msgs_per_min, total_users"
    rows = _stored(columns, database_url, session)
    return [StoredTick(tick_ending(row_time), *rest) for row_time, *rest in rows]


def stored_scores(database_url: str, session: str) -> list[tuple[int, float]]:
    """The times (milliseconds) and scores of a session, as in charts."""
    rows = _stored("time, score", database_url, session)
    return [(round(row_time.timestamp() * 1000), score) for row_time, score in rows]


def _stored(columns: LiteralString, database_url: str, session: str) -> list[tuple[Any, ...]]:
    query = f"""
        SELECT {columns} FROM engagement_metrics WHERE session_id =
        (SELECT id FROM sessions_app_session WHERE external_id = %s) ORDER BY time
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute(query, [session]).fetchall()
