"""One shard that fails stops none, and is mended: by the worker's tasks, on real servers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import redis
from celery.exceptions import SoftTimeLimitExceeded

from engagement_conductor import tasks
from engagement_conductor.pipeline import catching_up
from engagement_conductor.pipeline import tick as pipeline
from sessions_app.events.blocks import COLUMNS, Block, Mention, encode_block
from sessions_app.models import EngagementMetric
from sessions_app.redis_access import keys
from sessions_app.shards import remedies
from sessions_app.shards.remedies import REPEATS
from sessions_app.telemetry.counters import SET_ASIDE, read_counters
from sessions_app.telemetry.shard_conditions import read_failures
from sessions_app.ticks import TICK_MS, tick_end
from tests.pipeline import failing, rows, updates_told
from tests.platform import vote
from tests.two_shards import BAD, GOOD, OTHERS, SHARD, TwoShards

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

# Until a shard has had every remedy for a stage.
PATIENCE = 3 * REPEATS + 2


def one_byte_more(hash_key: str) -> Callable[[redis.Redis, int], None]:
    def poison(client: redis.Redis, tick: int) -> None:
        for name, blob in client.hgetall(hash_key).items():
            client.hset(hash_key, name, blob + b"x")

    return poison


def junk(key: str) -> Callable[[redis.Redis, int], None]:
    return lambda client, tick: client.set(key, b"\x93 junk")


def another_type(key: str) -> Callable[[redis.Redis, int], None]:
    def poison(client: redis.Redis, tick: int) -> None:
        client.delete(key)
        client.rpush(key, "junk")

    return poison


def bad_block(mention: Mention, place: int) -> Callable[[redis.Redis, int], None]:
    """A block of the next tick with one event, whose session is at ``place`` of one mention."""

    def poison(client: redis.Redis, tick: int) -> None:
        events = np.zeros(1, COLUMNS)
        events["session"], events["time"] = place, (tick + 1) * TICK_MS
        block = encode_block(Block(tick + 1, b"bad", [mention], events))
        client.rpush(keys.arrivals(SHARD, tick + 1), block)

    return poison


def strays_of_another_version(client: redis.Redis, tick: int) -> None:
    client.rpush(keys.shard_strays(SHARD), b"\x99 odd")


def odd_identities(client: redis.Redis, tick: int) -> None:
    client.rpush(keys.shard_identities(SHARD), b"odd")


POISONS = {
    "audience": one_byte_more(keys.shard_presence(SHARD)),
    "polls": one_byte_more(keys.shard_polls(SHARD)),
    "voters": one_byte_more(keys.shard_voters(SHARD)),
    "identities": odd_identities,
    "audiences of another type": another_type(keys.shard_presence(SHARD)),
    "strays": strays_of_another_version,
    "number of the last tick": junk(keys.scored_tick(SHARD)),
    "windows": junk(keys.shard_windows(SHARD)),
    "windows of another type": another_type(keys.shard_windows(SHARD)),
    "detector": junk(keys.shard_detector(SHARD)),
    "outbox": junk(keys.shard_outbox(SHARD)),
    "block of a session that is not there": bad_block(Mention(BAD, None), 7),
    "block of a session that cannot be": bad_block(Mention("NUL \0", None), 0),
    "block of an event that cannot be": bad_block(Mention(f"{BAD}", "e" * 300), 0),
}


def fail_in(stage: str) -> Callable[..., None]:
    score_next = pipeline.ShardScorer.score_next

    def fail(self: Any, *arguments: Any) -> None:
        if self.turn.shard != SHARD:
            return score_next(self, *arguments)
        self.turn.stage = stage
        raise ZeroDivisionError("a fault of our own")

    return fail


def test_a_remedy_that_fails_counts_as_tried_and_the_next_follows(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.ShardScorer, "score_next", fail_in("advance"))
    tried = []

    def fail(case: Any) -> bool:
        tried.append(case.failure.count)
        raise ZeroDivisionError("of the remedy")

    *_, last = remedies._REMEDIES_BY_STAGE["advance"]
    monkeypatch.setitem(remedies._REMEDIES_BY_STAGE, "advance", (fail, fail, last))
    for _ in range(2 * REPEATS + 1):
        stage.play()
    failure = read_failures(stage.client)[SHARD]
    assert (failure.stage, failure.count) == ("advance", 2 * REPEATS + 1), "never another stage"
    assert tried == [REPEATS, REPEATS, 2 * REPEATS]


def test_whatever_fails_before_a_shard_is_read_is_no_other_failure(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("where remedies are chosen")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.ShardScorer, "score_next", fail_in("advance"))
        for _ in range(REPEATS):
            stage.play()
        patch.setattr(catching_up, "apply_remedy", fail)
        stage.play()
    failure = read_failures(stage.client)[SHARD]
    assert (failure.stage, failure.count) == ("advance", REPEATS + 1)


def test_a_remedy_is_not_tried_again_when_a_tick_takes_too_long(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise SoftTimeLimitExceeded

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.ShardScorer, "score_next", fail_in("load"))
        for _ in range(REPEATS):
            stage.play()
        patch.setattr(pipeline.ShardScorer, "score_next", interrupt)
        for _ in range(3):
            stage.play()
    assert read_counters(stage.client)[f"{SET_ASIDE}:state"] == 1


@pytest.mark.parametrize("kind", POISONS)
def test_poison_is_set_aside_and_the_shard_goes_on(stage: TwoShards, kind: str) -> None:
    POISONS[kind](stage.client, stage.tick)
    for _ in range(PATIENCE):
        stage.play((keys.POLL_VOTE, vote("u2", "p1", BAD)))
        assert stage.scored(OTHERS[0]) == stage.tick, "the other shard is never late"
    assert stage.scored() == stage.tick
    assert not read_failures(stage.client)
    assert [row.chat_count for row in rows(GOOD)] == [1] * (PATIENCE + 2)
    assert [row.chat_count for row in rows(BAD)] == [1] * (PATIENCE + 2), "not a message is lost"
    assert all(row.active_users >= 30 for row in rows(GOOD))


def test_where_most_shards_fail_their_state_stays(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, *_: Any) -> None:
        self.stage = "advance"
        raise ZeroDivisionError("a fault of our own")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.ShardScorer, "score_next", fail)
        stage.tick += 1
        for _ in range(PATIENCE):
            tasks.score_shards([*range(keys.SHARD_COUNT)], stage.tick)
    assert len(read_failures(stage.client)) == keys.SHARD_COUNT
    assert not [*stage.client.scan_iter("*set-aside*")]
    tasks.score_shards([*range(keys.SHARD_COUNT)], stage.tick)
    assert not read_failures(stage.client)
    assert rows(BAD)[-1].active_users == 30


def test_screens_that_cannot_be_told_stop_nothing(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a payload that cannot be encoded")

    monkeypatch.setattr("dashboard.live.sinks.watched_groups", fail)
    stage.play()
    assert stage.scored() == stage.tick
    assert read_counters(stage.client)["missed_broadcasts"] == 2


def test_results_that_waited_go_to_the_event_of_now(stage: TwoShards) -> None:
    with failing("sessions_app.outcomes.session_parts.publish_updates"):
        stage.play()
    session = rows(BAD)[0].session
    session.event = type(session.event).objects.create(external_id="bobs", title="Bob's")
    session.save_edit("event")
    with updates_told(stage.client) as told:
        stage.play()
    of_bad = [update for update in told if update["sessionId"] == BAD]
    assert [update["timestamp"] for update in of_bad] == [
        tick_end(stage.tick - 1).isoformat(),
        tick_end(stage.tick).isoformat(),
    ]
    assert {update["eventId"] for update in of_bad} == {"bobs"}
    assert EngagementMetric.objects.filter(session=session).count() == 4
