"""One thing that cannot be stored costs only itself."""

import pytest
from django.db import connection

from engagement_conductor.pipeline.outcome_parts import PARTS
from sessions_app.models import PollMoment
from sessions_app.outcomes.outbox import decode_outcome, encode_outcome
from sessions_app.redis_access import keys
from sessions_app.shards.remedies import REPEATS
from sessions_app.state.poll_notices import PollMomentKind, PollNotice
from tests.pipeline import failing, rows
from tests.platform import chat, vote
from tests.two_shards import BAD, GOOD, SHARD, TwoShards

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_results_of_which_one_cannot_be_stored_lose_only_that(stage: TwoShards) -> None:
    with failing("sessions_app.outcomes.session_parts.store_metrics"):
        stage.play((keys.POLL_VOTE, vote("u1", "p2", BAD)))
    key = keys.shard_outbox(SHARD)
    outcome = decode_outcome(stage.client.get(key), PARTS)
    (session_id,) = outcome.values["metrics"].rows["session_id"].tolist()
    too_long = PollNotice(session_id, "p" * 300, PollMomentKind.CLOSED, 1, 1)
    outcome.values["polls"].insert(0, too_long)
    stage.client.set(key, encode_outcome(outcome, PARTS))
    for _ in range(REPEATS + 1):
        stage.play()
    assert not stage.client.exists(key)
    assert [row.chat_count for row in rows(BAD)] == [1] * (REPEATS + 4)
    assert set(PollMoment.objects.values_list("poll_id", flat=True)) == {"p1", "p2"}
    (kept,) = stage.client.lrange(keys.set_aside(SHARD, "results"), 0, -1)
    assert b"pppp" in kept


def test_a_row_that_the_database_refuses_costs_only_itself(stage: TwoShards) -> None:
    neighbour = next(
        name for name in map("next-{}".format, range(99)) if keys.shard_of(name) == SHARD
    )
    more = (keys.CHAT_MESSAGE, chat("m", "u1", neighbour))
    stage.play(more)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE engagement_metrics ADD CONSTRAINT refused CHECK (chat_count < 1000)"
        )

    with failing("sessions_app.outcomes.session_parts.store_metrics"):
        stage.play()
    key = keys.shard_outbox(SHARD)
    outcome = decode_outcome(stage.client.get(key), PARTS)
    metrics = outcome.values["metrics"]
    rows_ = metrics.rows.copy()
    rows_["chat_count"][metrics.external_ids.index(BAD)] = 5_000
    outcome.values["metrics"] = metrics._replace(rows=rows_)
    stage.client.set(key, encode_outcome(outcome, PARTS))
    try:
        for _ in range(REPEATS + 1):
            stage.play()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE engagement_metrics DROP CONSTRAINT refused")
    assert [row.chat_count for row in rows(neighbour)] == [1] + [0] * (REPEATS + 2)
    assert [row.chat_count for row in rows(BAD)] == [1] * (REPEATS + 4), "all but the bad one"
    assert len(rows(GOOD)) == REPEATS + 5
