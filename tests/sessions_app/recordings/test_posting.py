"""Posting events across outages."""

import threading

import pytest
import redis

from sessions_app.recordings.event_recording import RecordedEvent
from sessions_app.recordings.posting import Poster, Transport
from sessions_app.redis_access import keys
from tests.sessions_app.management.commands.test_replay_events import posted

pytestmark = pytest.mark.integration


@pytest.fixture
def client(valkey):
    with redis.Redis.from_url(valkey.url) as client:
        # What it has confirmed must be there after a kill.
        client.config_set("appendfsync", "always")
        yield client


def test_poster_waits_for_a_full_server_to_have_room(valkey, client):
    client.config_set("maxmemory", 1)
    errors = []

    def make_room(_seconds: float) -> bool:
        client.config_set("maxmemory", 0)
        return False

    poster = Poster(client, Transport.STREAM, make_room, lambda error, _: errors.append(error))
    events = [RecordedEvent(0, keys.SYNC_EVENTS, b"%d" % number) for number in range(3)]
    assert poster.post(events)
    assert (poster.posted, len(errors)) == (3, 1)
    assert posted(client, keys.SYNC_EVENTS) == [b"0", b"1", b"2"]


def test_poster_does_not_try_for_ever_with_a_wrong_password(valkey, client):
    client.config_set("requirepass", "secret")
    poster = Poster(
        redis.Redis.from_url(valkey.url, password="guess"),
        Transport.STREAM,
        lambda _: pytest.fail("waits"),
        lambda *_: None,
    )
    with pytest.raises(redis.AuthenticationError):
        poster.post([RecordedEvent(0, keys.SYNC_EVENTS, b"{}")])


def test_poster_outlasts_outages_with_growing_delays(valkey, client):
    valkey.kill()
    delays = []
    restart = threading.Thread(target=valkey.start)

    def wait(seconds: float) -> bool:
        if len(delays) == 8:
            restart.start()
            restart.join()
        return False

    poster = Poster(client, Transport.STREAM, wait, lambda _, delay: delays.append(delay))
    assert poster.post([RecordedEvent(0, keys.SYNC_EVENTS, b"{}")])
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert posted(client, keys.SYNC_EVENTS) == [b"{}"]
