"""The scoring processes of the benchmarks score like workers."""

import pytest
import redis

from benchmarks.pipeline.scorers import running_scorers
from sessions_app.ticks import tick_at
from tests.pipeline import collect_chat, rows, start_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_the_processes_score_every_shard_once(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    names = [f"s{number}" for number in range(20)]
    for name in names:
        collect_chat(redis_client, start, name, 3)
    with running_scorers() as scorers:
        scorers.score(tick_at(start))
        scorers.score(tick_at(start))
    assert [[row.chat_count for row in rows(name)] for name in names] == [[3]] * 20
