"""``manage.py simulate_conference`` as a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest
import redis
from django.conf import settings

from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.simulation.live.cast import CHARACTERS
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def start(valkey, database_url):
    processes = []

    def start_process(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "manage.py", "simulate_conference", "--event", "demo", *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, "REDIS_URL": valkey.url, "DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start_process
    for process in processes:
        process.kill()
        process.communicate()


def test_names_its_sessions_and_stops_cleanly(valkey, start, django_user_model):
    django_user_model.objects.create_user("organizer")
    process = start("--speed", "5")
    with redis.Redis.from_url(valkey.url) as client:
        wait_until(lambda: client.xlen(keys.SYNC_EVENTS) >= 100, 30)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=5)
        entries = sum(client.xlen(channel) for channel in keys.CHANNELS)
    assert process.returncode == 0
    assert output == f"{entries} events posted.\n"
    event = Event.objects.get(external_id="demo")
    assert [user.username for user in event.organizers.all()] == ["organizer"]
    titles = dict(Session.objects.filter(event=event).values_list("external_id", "title"))
    assert titles == {f"demo-{each.key}-1": each.title for each in CHARACTERS}


def test_plays_for_a_duration_and_goes_on_with_the_same_sessions_next_time(valkey, start):
    for _ in range(2):
        output, _ = start("--speed", "20", "--duration", "10").communicate(timeout=30)
        assert int(output.split()[0]) > 50
    names = set(Session.objects.values_list("external_id", flat=True))
    assert names == {f"demo-{each.key}-1" for each in CHARACTERS} | {"demo-product-launch-2"}
    with redis.Redis.from_url(valkey.url) as client:
        payloads = [fields[b"data"] for _, fields in client.xrange(keys.CHAT_MESSAGE)]
    assert len(set(payloads)) == len(payloads)


def test_stands_still_while_redis_is_away(valkey, start):
    process = start("--speed", "5")
    with redis.Redis.from_url(valkey.url) as client:
        wait_until(lambda: client.xlen(keys.SYNC_EVENTS) >= 50, 30)
        valkey.kill()
        time.sleep(2)
        assert process.poll() is None
        valkey.start()
        before = client.xlen(keys.SYNC_EVENTS)
        wait_until(lambda: client.xlen(keys.SYNC_EVENTS) >= before + 50, 30)
        times = [int(entry.split(b"-")[0]) for entry, _ in client.xrange(keys.SYNC_EVENTS)]
    assert process.poll() is None
    # What happened in the two seconds away would come all at once otherwise.
    resumed_ms = times[before]
    at_once = sum(resumed_ms <= time_ms < resumed_ms + 100 for time_ms in times)
    assert at_once < 30


@pytest.mark.parametrize(
    "arguments", [("--speed", "0"), ("--duration", "-1"), ("--seed", "x"), ("--event", "")]
)
def test_refuses_options_that_make_no_sense(start, arguments):
    process = start(*arguments)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"argument {arguments[0]}" in errors
