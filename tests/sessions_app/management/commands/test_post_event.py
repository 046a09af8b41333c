"""``manage.py post_event``, against a Valkey of its own."""

from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from sessions_app.redis_access import keys

pytestmark = pytest.mark.integration

PAYLOAD = '{"type":"user_join", "sessionId":"é", broken'


@pytest.fixture
def client(valkey_server, settings):
    server = valkey_server()
    settings.REDIS_URL = server.url
    with redis.Redis.from_url(server.url) as client:
        yield client


def posted(*arguments: str) -> str:
    output = StringIO()
    call_command("post_event", *arguments, stdout=output)
    return output.getvalue().strip()


def test_it_adds_the_payload_to_the_stream_byte_for_byte(client):
    entry = posted(keys.SYNC_EVENTS, PAYLOAD)
    assert client.xrange(keys.SYNC_EVENTS) == [(entry.encode(), {b"data": PAYLOAD.encode()})]


def test_it_publishes_the_payload_to_listeners(client):
    with client.pubsub() as listener:
        listener.subscribe(keys.SYNC_EVENTS)
        listener.get_message(timeout=5)
        assert posted(keys.SYNC_EVENTS, PAYLOAD, "--pubsub") == "Subscribers that received it: 1."
        assert listener.get_message(timeout=5)["data"] == PAYLOAD.encode()
    assert not client.exists(keys.SYNC_EVENTS)


def test_it_refuses_names_that_the_platform_does_not_use(client):
    with pytest.raises(CommandError, match="invalid choice: 'elsewhere'"):
        posted("elsewhere", PAYLOAD)
    assert client.dbsize() == 0


def test_it_says_that_redis_does_not_answer(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match=r"Redis: .*127\.0\.0\.1:1"):
        posted(keys.SYNC_EVENTS, PAYLOAD)
