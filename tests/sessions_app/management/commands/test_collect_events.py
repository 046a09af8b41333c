"""The process of the collector."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from sessions_app.redis_access import keys
from tests.pipeline import score_now, total
from tests.platform import post_chat
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_the_process_stops_cleanly_and_hands_everything_on(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "collect_events", "--name", "proc"],
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=log,
        stderr=log,
    )
    try:
        wait_until(lambda: redis_client.zscore(keys.COLLECTORS, "proc"), 30)
        post_chat(redis_client, 0, 500)
        wait_until(lambda: not redis_client.xinfo_groups(keys.CHAT_MESSAGE)[0]["lag"], 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        log.close()
    assert redis_client.zscore(keys.COLLECTORS, "proc") is None
    assert redis_client.exists(keys.SUBSCRIBER_LEASE) == 0
    assert redis_client.xpending(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP)["pending"] == 0
    score_now(redis_client)
    assert total("chat_count") == 500
