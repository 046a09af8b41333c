"""A new kind of outcome is one part and one registration: nothing else of the tick knows of it."""

from typing import Any

import msgspec
import pytest
import redis
from django.db import connection

from engagement_conductor.pipeline.outcome_parts import PARTS
from sessions_app.outcomes.addresses import Addresses
from sessions_app.outcomes.outbox import decode_outcome
from sessions_app.outcomes.part import Delivery, Part, ScoredTick
from sessions_app.redis_access import keys
from sessions_app.shards.remedies import REPEATS
from sessions_app.ticks import TICK_MS, tick_at, tick_end
from tests.pipeline import collect_all, collector, failing, rows, score_shard, updates_told
from tests.platform import chat, post
from tests.two_shards import BAD, TwoShards
from tests.two_shards import SHARD as BAD_SHARD

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SHARD = keys.shard_of("s1")
TICK = tick_at(1_750_000_000_000)


class TrialPart(Part[list[int], int]):
    """Greets the sessions in which somebody has said something."""

    name = "greetings"

    def __init__(self) -> None:
        self.published: list[int] = []

    def produce(self, scored: ScoredTick) -> list[int] | None:
        spoke = scored.update.counts.chat_count > 0
        return scored.windows.rows["session_id"][spoke].tolist() or None

    def encode(self, value: list[int]) -> bytes:
        return msgspec.msgpack.encode(value)

    def decode(self, data: bytes) -> list[int]:
        return msgspec.msgpack.decode(data, type=list[int])

    def store(self, value: list[int], delivery: Delivery) -> int:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO greetings VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [(key, delivery.tick) for key in value],
            )
        return len(value)

    def publish(self, stored: int, delivery: Delivery) -> None:
        self.published.append(stored)

    def readdressed(self, value: list[int], addresses: Addresses) -> list[int]:
        return [key for key in map(addresses.current, value) if key is not None]


@pytest.fixture
def part() -> Any:
    """The trial, registered: the one line that a new outcome needs."""
    part = TrialPart()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE greetings (session_id bigint, tick bigint UNIQUE)")
    PARTS.append(part)
    yield part
    PARTS.remove(part)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE greetings")


def say(client: redis.Redis, tick: int) -> None:
    with collector() as running:
        post(client, keys.CHAT_MESSAGE, chat(f"m{tick}"), f"{tick * TICK_MS}-1")
        collect_all(client, running)


def greeted() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tick FROM greetings ORDER BY tick")
        return [tick for (tick,) in cursor.fetchall()]


def test_a_part_that_is_registered_is_stored_and_published(
    redis_client: redis.Redis, part: TrialPart
) -> None:
    score_shard(redis_client, SHARD, TICK - 1)
    say(redis_client, TICK)
    score_shard(redis_client, SHARD, TICK + 1)
    assert greeted() == [TICK]
    assert part.published == [1]
    assert not redis_client.exists(keys.shard_outbox(SHARD))


def kill_a_worker_in(step: str, client: redis.Redis) -> None:
    """Lets a worker commit the tick and die in a step of its delivery."""
    score_shard(client, SHARD, TICK - 1)
    say(client, TICK)

    with failing(f"sessions_app.outcomes.session_parts.{step}"), pytest.raises(ConnectionError):
        score_shard(client, SHARD, TICK)


def test_it_survives_the_worker_that_made_it(redis_client: redis.Redis, part: TrialPart) -> None:
    kill_a_worker_in("publish_updates", redis_client)
    kept = decode_outcome(redis_client.get(keys.shard_outbox(SHARD)), PARTS)
    assert part.name in kept.values
    score_shard(redis_client, SHARD, TICK + 1)
    assert greeted() == [TICK]
    assert part.published == [1]


def test_one_that_nobody_knows_any_more_is_set_aside_and_the_rest_is_stored(
    redis_client: redis.Redis, part: TrialPart
) -> None:
    kill_a_worker_in("store_metrics", redis_client)
    PARTS.remove(part)
    try:
        score_shard(redis_client, SHARD, TICK + 1)
    finally:
        PARTS.append(part)
    assert [row.chat_count for row in rows()] == [1, 0]
    (kept,) = redis_client.lrange(keys.set_aside(SHARD, "results"), 0, -1)
    assert kept.startswith(b"greetings: ")
    assert not redis_client.exists(keys.shard_outbox(SHARD))


@pytest.mark.parametrize("step", ["store", "publish"])
@pytest.mark.parametrize("error", [ValueError("garbage"), RuntimeError("a fault of its own")])
def test_one_that_cannot_be_delivered_costs_the_others_nothing(
    stage: TwoShards,
    part: TrialPart,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: Exception,
) -> None:
    def fail(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO greetings VALUES (0, 0) ON CONFLICT DO NOTHING")
        raise error

    monkeypatch.setattr(part, step, fail)
    PARTS.insert(0, PARTS.pop())
    first, rounds = stage.tick + 1, 2 * (REPEATS + 1)
    with updates_told(stage.client) as told:
        for _ in range(rounds):
            stage.play()
    assert stage.scored() == stage.tick
    assert [row.chat_count for row in rows(BAD)] == [1] * (2 + rounds)
    ends = {tick_end(tick).isoformat() for tick in range(first, stage.tick + 1)}
    assert {update["timestamp"] for update in told if update["sessionId"] == BAD} == ends
    kept = stage.client.lrange(keys.set_aside(BAD_SHARD, "results"), 0, -1)
    assert len(kept) == rounds
    assert all(piece.startswith(b"greetings: ") for piece in kept)
    assert not stage.client.exists(keys.set_aside(BAD_SHARD, "outbox"))
    assert greeted() == ([] if step == "store" else [0, *range(first, stage.tick + 1)])
