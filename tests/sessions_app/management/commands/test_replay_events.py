"""``manage.py replay_events`` as a process of its own, against a Valkey of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings

from sessions_app.redis_access import keys
from tests.servers.restartable_valkey import RestartableValkey
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

REPORT = re.compile(r"^(\d+)(?: of (\d+))? events, (\d+\.\d\d) s, (\d+\.\d) events/s\n$")


@pytest.fixture
def client(valkey):
    with redis.Redis.from_url(valkey.url) as client:
        # What it has confirmed must be there after a kill.
        client.config_set("appendfsync", "always")
        yield client


def chat(number: int, session_id: str = "talk") -> str:
    message = f'{{"id":"m{number}","authorId":"u", "text":"é"}}'
    return f'{{"sessionId":"{session_id}", "eventId":"event","message":{message}}}'


def record(path: Path, count: int, seconds: float, channels=keys.CHANNELS[:1]) -> list[bytes]:
    """Writes ``count`` chat messages over ``seconds``; returns their payloads."""
    payloads = [chat(number) for number in range(count)]
    with path.open("w", encoding="utf-8") as file:
        for number, payload in enumerate(payloads):
            offset_s, channel = seconds * number / count, channels[number % len(channels)]
            line = f'{{"offset_s":{offset_s},"channel":"{channel}","payload":{payload}}}\n'
            file.write(line)
    return [payload.encode() for payload in payloads]


def start(server: RestartableValkey, *arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "replay_events", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "REDIS_URL": server.url,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(server: RestartableValkey, *arguments: str | Path) -> tuple[int, str, str]:
    process = start(server, *arguments)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def posted(client: redis.Redis, channel: str = keys.CHAT_MESSAGE) -> list[bytes]:
    entries = client.xrange(channel)
    assert all(list(fields) == [b"data"] for _, fields in entries)
    return [fields[b"data"] for _, fields in entries]


def test_posts_every_event_to_its_stream_in_order(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    payloads = record(path, 1000, 100.0, keys.CHANNELS)
    code, output, errors = run(valkey, path, "--speed", "0")
    assert (code, errors) == (0, "")
    assert REPORT.match(output).group(1, 2) == ("1000", None)
    for position, channel in enumerate(keys.CHANNELS):
        assert posted(client, channel) == payloads[position :: len(keys.CHANNELS)]
    assert {name.decode() for name in client.scan_iter()} == set(keys.CHANNELS)


def test_posts_at_the_pace_of_the_recording(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 40, 20.0)
    _, output, _ = run(valkey, path, "--speed", "10")
    times = [int(entry_id.split(b"-")[0]) for entry_id, _ in client.xrange(keys.CHAT_MESSAGE)]
    # Offsets are 0.5 s apart, so 50 ms at this speed; none early, none much late.
    lateness = [time_ms - times[0] - 50 * number for number, time_ms in enumerate(times)]
    assert min(lateness) >= -20
    assert max(lateness) < 500
    assert 1.9 <= float(REPORT.match(output)[3]) < 3.5


def test_replaces_the_session(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 3, 0.0)
    run(valkey, path, "--speed", "0", "--session", "another")
    events = [json.loads(payload) for payload in posted(client)]
    assert events == [json.loads(chat(number, "another")) for number in range(3)]


def test_publishes_every_event_in_order(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    payloads = record(path, 600, 60.0)
    with client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe(keys.CHAT_MESSAGE)
        subscriber.get_message(timeout=5)
        code, output, errors = run(valkey, path, "--speed", "0", "--transport", "pubsub")
        received = []
        while message := subscriber.get_message(timeout=1):
            received.append(message["data"])
    assert (code, errors, received) == (0, "", payloads)
    assert REPORT.match(output)[1] == "600"
    assert client.dbsize() == 0


def test_warns_when_nobody_listens(valkey, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 8, 0.0, (keys.CHAT_MESSAGE, keys.SYNC_EVENTS))
    code, output, errors = run(valkey, path, "--transport", "pubsub")
    assert code == 0
    assert REPORT.match(output)[1] == "8"
    assert errors.splitlines() == [
        f"{keys.CHAT_MESSAGE} has no subscriber.",
        f"{keys.SYNC_EVENTS} has no subscriber.",
        f"4 events on {keys.CHAT_MESSAGE} had no subscriber.",
        f"4 events on {keys.SYNC_EVENTS} had no subscriber.",
    ]


def test_loses_nothing_when_redis_restarts_in_between(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    payloads = record(path, 2000, 4.0)
    process = start(valkey, path)
    wait_until(lambda: client.xlen(keys.CHAT_MESSAGE) >= 400, 30)
    valkey.kill()
    time.sleep(1.5)
    assert process.poll() is None
    valkey.start()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert REPORT.match(output)[1] == "2000"
    assert "Retrying in 0.1 s." in errors
    # In order, each at least once: what was on its way when Redis went may be there twice.
    found = posted(client)
    assert list(dict.fromkeys(found)) == payloads
    assert len(found) <= 2000 + 200


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_stops_with_the_report_so_far(valkey, client, tmp_path, number, code):
    path = tmp_path / "recording.jsonl"
    payloads = record(path, 1000, 1000.0)
    process = start(valkey, path, "--speed", "20")
    wait_until(lambda: client.xlen(keys.CHAT_MESSAGE) >= 5, 30)
    process.send_signal(number)
    output, errors = process.communicate(timeout=5)
    report = REPORT.match(output)
    assert (process.returncode, errors, report[2]) == (code, "", "1000")
    assert posted(client) == payloads[: int(report[1])]


def test_stops_while_redis_is_away(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 1000, 100.0)
    process = start(valkey, path)
    wait_until(lambda: client.xlen(keys.CHAT_MESSAGE) >= 5, 30)
    valkey.kill()
    assert "Retrying" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=5)
    assert process.returncode == 130
    assert REPORT.match(output)


def test_posts_nothing_from_a_file_with_a_bad_line(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 300, 0.0)
    with path.open("a") as file:
        file.write('{"offset_s": 1, "channel": "sync-events"}\n')
    code, output, errors = run(valkey, path)
    assert (code, output) == (1, "")
    assert f"{path}:301: Object missing required field `payload`" in errors
    assert client.dbsize() == 0


def test_says_that_events_are_out_of_order(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    line = '{"offset_s":%s,"channel":"sync-events","payload":{"offset":%s}}\n'
    path.write_text("".join(line % (offset, offset) for offset in (0.2, 0.1, 0.3)))
    code, _, errors = run(valkey, path)
    assert code == 0
    assert "1 of 3 events are earlier than the line before" in errors
    assert [json.loads(data)["offset"] for data in posted(client, "sync-events")] == [0.2, 0.1, 0.3]


def test_says_that_redis_is_not_there(valkey, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 1, 0.0)
    valkey.kill()
    code, output, errors = run(valkey, path)
    assert (code, output) == (1, "")
    assert "CommandError: Redis: " in errors


def test_does_not_repeat_what_redis_refuses_for_ever(valkey, client, tmp_path):
    path = tmp_path / "recording.jsonl"
    record(path, 1, 0.0)
    client.set(keys.CHAT_MESSAGE, "no stream")
    code, _, errors = run(valkey, path)
    assert code == 1
    assert "WRONGTYPE" in errors


@pytest.mark.parametrize(
    "arguments",
    [("--speed", "-1"), ("--speed", "fast"), ("--session", ""), ("--transport", "post")],
)
def test_refuses_options_that_make_no_sense(valkey, tmp_path, arguments):
    path = tmp_path / "recording.jsonl"
    record(path, 1, 0.0)
    code, _, errors = run(valkey, path, *arguments)
    assert code == 2
    assert f"argument {arguments[0]}" in errors
