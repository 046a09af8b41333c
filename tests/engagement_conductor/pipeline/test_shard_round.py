"""One shard that fails in a round, or takes too long, costs the others nothing."""

from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from engagement_conductor import tasks
from engagement_conductor.pipeline import tick as pipeline
from sessions_app.redis_access import keys
from sessions_app.shards.remedies import REPEATS
from sessions_app.telemetry.counters import read_counters
from sessions_app.telemetry.shard_conditions import read_failures
from tests.pipeline import failing, rows
from tests.sessions_app.shards.test_remedies import PATIENCE
from tests.two_shards import BAD, GOOD, OTHERS, SHARD, TwoShards

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_an_error_of_any_kind_in_one_shard_leaves_the_others_alone(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    score_next = pipeline.ShardScorer.score_next

    def fail(self: Any, *arguments: Any) -> None:
        if self.turn.shard == SHARD:
            raise ZeroDivisionError("a fault of our own")
        score_next(self, *arguments)

    monkeypatch.setattr(pipeline.ShardScorer, "score_next", fail)
    for _ in range(3):
        stage.play()
        assert stage.scored(OTHERS[0]) == stage.tick
    assert stage.scored() == stage.tick - 3
    assert read_failures(stage.client)[SHARD].count == 3
    assert "ZeroDivisionError" in read_failures(stage.client)[SHARD].reason
    traced = [record for record in caplog.records if record.exc_info]
    assert len(traced) <= 1, "one traceback of the same fault in a minute"
    monkeypatch.undo()
    stage.play()
    assert stage.scored() == stage.tick
    assert not read_failures(stage.client)
    assert [row.chat_count for row in rows(BAD)] == [1] * 6


def test_a_tick_that_takes_too_long_loses_its_shard_nothing(
    stage: TwoShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Any, *_: Any) -> None:
        self.stage = "advance"
        raise SoftTimeLimitExceeded

    kept = {key: stage.client.dump(key(SHARD)) for key in keys.SHARD_STATE}
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.ShardScorer, "score_next", interrupt)
        for _ in range(PATIENCE):
            stage.play()
    assert not read_failures(stage.client)
    assert not [*stage.client.scan_iter("*set-aside*")]
    assert {key: stage.client.dump(key(SHARD)) for key in keys.SHARD_STATE} == kept
    assert read_counters(stage.client)["shard_failures:interrupted"] == PATIENCE
    tasks.score_shards([SHARD, OTHERS[0]], stage.tick)
    assert [row.chat_count for row in rows(BAD)] == [1] * (PATIENCE + 2)


def test_an_outage_is_nobodys_failure_and_sets_nothing_aside(stage: TwoShards) -> None:
    with failing(
        "sessions_app.outcomes.session_parts.store_metrics",
        OperationalError("the server closed the connection unexpectedly"),
    ):
        for _ in range(2 * REPEATS + 1):
            stage.play()
    assert not read_failures(stage.client)
    assert stage.client.exists(keys.shard_outbox(SHARD))
    stage.play()
    expected = [1] * (2 * REPEATS + 4)
    assert [row.chat_count for row in rows(BAD)] == expected
    assert [row.chat_count for row in rows(GOOD)] == expected
