"""The pipeline at a glance, for people and programs."""

import json
from io import StringIO
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command

from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms

pytestmark = pytest.mark.integration


def printed(*options: str) -> str:
    output = StringIO()
    call_command("pipeline_status", *options, stdout=output)
    return output.getvalue()


def test_it_says_that_nothing_runs(redis_client: redis.Redis) -> None:
    text = printed()
    assert "Last tick scored: none yet" in text
    assert "No collector is running: no tick is scored." in text
    assert "Total: nothing yet; dead letters stored: 0" in text


def test_it_tells_what_runs(redis_client: redis.Redis) -> None:
    redis_client.zadd(keys.COLLECTORS, {"one": server_time_ms(redis_client)})
    redis_client.hset(
        keys.collector_status("one"), mapping={"events_per_second": 1234.5, "interruptions": 2}
    )
    redis_client.xgroup_create(keys.POLL_VOTE, keys.CONSUMER_GROUP, id="0", mkstream=True)
    redis_client.xadd(keys.POLL_VOTE, {"data": "x"})
    redis_client.set(keys.DEAD_LETTERS, "junk")
    text = printed()
    assert "Collector one: 1,234.5 events/s, 2 broken subscriptions" in text
    assert f"{keys.POLL_VOTE}: 1 entries, backlog 1, pending 0" in text
    assert f"{keys.CHAT_MESSAGE}: 0 entries, backlog unknown" in text
    assert "dead letters stored: unknown" in text
    assert f"Unreadable: {keys.DEAD_LETTERS}: " in text


def test_programs_get_json(redis_client: redis.Redis) -> None:
    status = json.loads(printed("--json"))
    assert [stream["name"] for stream in status["streams"]] == list(keys.CHANNELS)


def test_it_says_that_redis_is_away(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    with pytest.raises(CommandError, match="Redis is not responding"):
        printed()
