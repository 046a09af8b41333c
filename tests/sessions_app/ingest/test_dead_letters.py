"""What cannot be read is set aside with its reason."""

import json
import logging
import random

import pytest
import redis

from sessions_app.ingest.dead_letters import kept_letters
from sessions_app.redis_access import keys
from sessions_app.telemetry.pipeline_status import pipeline_status
from tests.pipeline import collect_all, collector, score_now, step_until, total
from tests.platform import chat, post, publish
from tests.sessions_app.events.bad_payloads import BAD_CHAT

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_malformed_payloads_are_set_aside_and_the_good_ones_count(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[tuple[str, bytes, str]] = [
        (keys.CHAT_MESSAGE, payload, "data")
        for cases in BAD_CHAT.values()
        for payload, _ in cases.values()
    ]
    bad.append((keys.SYNC_EVENTS, b'{"type":"user_join","sessionId":"s1"}', "data"))
    bad.append((keys.POLL_CLOSED, b'{"sessionId":"s1"}', "data"))
    bad.append((keys.CHAT_MESSAGE, json.dumps(chat("x")).encode(), "payload"))
    assert len(bad) >= 20
    random.seed(3)
    good = 0
    for number in range(1_000):
        channel, payload, field = bad[number % len(bad)]
        post(redis_client, channel, payload, field=field)
        if random.random() < 0.5:
            post(redis_client, keys.CHAT_MESSAGE, chat(f"m{good}"))
            good += 1
    with caplog.at_level(logging.INFO), collector(batch_size=64) as running:
        collect_all(redis_client, running)
        running.dead_letter_log.report()
    score_now(redis_client)
    assert total("chat_count") == good
    letters = redis_client.xrange(keys.DEAD_LETTERS)
    assert len(letters) == 1_000
    assert all(fields[b"reason"] and fields[b"entry_id"] for _, fields in letters)
    assert max(len(fields[b"data"]) for _, fields in letters) <= 8 * 1024
    assert len([record for record in caplog.records if "Set aside" in record.message]) == 1
    assert pipeline_status(redis_client).totals["dead_letters"] == 1_000


def test_bad_pubsub_messages_are_set_aside_too(redis_client: redis.Redis) -> None:
    with collector() as running:
        step_until(running, lambda: redis_client.pubsub_numsub(keys.CHAT_MESSAGE)[0][1] == 1)
        publish(redis_client, keys.CHAT_MESSAGE, b"broken")
        step_until(running, lambda: redis_client.xlen(keys.DEAD_LETTERS) == 1)


def test_a_letter_without_fields_can_be_read(redis_client: redis.Redis) -> None:
    redis_client.xadd(keys.DEAD_LETTERS, {"other": "x"})
    (letter,) = kept_letters(redis_client, 5)
    assert (letter.channel, letter.data, letter.size) == ("", "", 0)
