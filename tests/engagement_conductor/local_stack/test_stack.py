"""The stack as a user starts it: real processes, on servers and a data folder of its own."""

import http.client
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from engagement_conductor.local_stack import ports, servers
from engagement_conductor.local_stack.processes import Process
from engagement_conductor.local_stack.valkey import Valkey
from tests.engagement_conductor.local_stack.conftest import RunningStack
from tests.privacy import readable_by_others
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

READY = r"^Ready: http://127\.0\.0\.1:(\d+)/ redis=(redis://\S+) database=(postgresql://\S+)$"


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def command_of(process: psutil.Process) -> str:
    """The command line; nothing of one that has just ended, as a health check may any time."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def find(stack: RunningStack, *words: str) -> psutil.Process:
    """The oldest process of a stack with all ``words`` in its command line."""
    found = [p for p in stack.processes() if all(word in command_of(p) for word in words)]
    return min(found, key=lambda process: process.create_time())


def test_stack_serves_recovers_and_leaves_nothing_behind(start):
    stack = start("--admin", "anna")
    ready = stack.wait_for_line(READY)
    port, redis_url, database_url = ready.groups()
    assert int(port) == stack.port
    assert get(stack.port, "/healthz") == 200
    assert readable_by_others(stack.data_dir) == []
    assert stack.wait_for_line(r"^admin: anna \S{12,}$")
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        users = connection.execute("SELECT username, is_superuser FROM auth_user").fetchall()
    assert users == [("anna", True)]
    with redis.Redis.from_url(redis_url) as client:
        assert client.zcard("engagement:collectors") == 1
    for words in (("web_server",), ("collect_events",), ("valkey-server",), ("postgres", "-D")):
        find(stack, *words).kill()
    for name in ("web", "collector", "valkey", "postgresql"):
        stack.wait_for_line(rf"^{name} ended \(killed by signal 9\)\. Starting it again in 0\.5 s")
    wait_until(lambda: redis_answers(redis_url) and web_is_healthy(stack.port))
    stack.process.send_signal(signal.SIGINT)
    code, output = stack.wait()
    assert code == 0
    assert "Traceback" not in output
    assert stack.processes() == []
    assert len([line for line in stack.lines if line.startswith("Ready: ")]) == 1


def redis_answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=2) as client:
        try:
            return client.zcard("engagement:collectors") == 1
        except redis.RedisError:
            return False


def web_is_healthy(port: int) -> bool:
    try:
        return get(port, "/healthz") == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_stack_ends_with_everything_that_it_started(start, number):
    stack = start()
    stack.wait_for_line(READY)
    assert len(stack.processes()) >= 8  # two Celery children and the guardian among them
    stack.process.send_signal(number)
    stack.process.wait(30)
    wait_until(lambda: stack.processes() == [])


def test_second_stack_on_the_same_data_is_refused(start):
    first = start()
    first.wait_for_line("^Starting valkey")
    code, output = start().wait()
    assert code == 1
    owner = f"another stack (process {first.process.pid}) runs on the data folder"
    assert output.startswith(f"Cannot start: {owner} ")
    assert output.count("\n") == 1


def test_busy_port_is_named_before_anything_starts(start, tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        code, output = start(PORT=str(port)).wait()
    assert code == 1
    assert f"Cannot start: port {port} is in use" in output
    assert "Starting" not in output
    assert not (tmp_path / "data" / "postgresql").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "eighty"}, "PORT must be a whole number, not 'eighty'"),
        ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL must begin with postgresql://"),
        ({"REDIS_URL": "http://host"}, "REDIS_URL must begin with redis://"),
        ({"REDIS_URL": "redis://host/first"}, "REDIS_URL must end with the number of a database"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'loud'"),
        ({"DATA_DIR": "/dev/null/data"}, "the data folder /dev/null/data cannot be used"),
        ({"DEBUG": "yes"}, "DEBUG must be True or False, not 'yes'"),
        ({"PUBLIC_URL": "https://example.org"}, "Set SECRET_KEY, or SECRET_KEY_FILE"),
        ({"PUBLIC_URL": "nowhere"}, "migrate failed: PUBLIC_URL is not the address of a server"),
        (
            {"DATABASE_URL": "postgresql://x:y@nowhere.invalid/z"},
            "The host of DATABASE_URL, 'nowhere.invalid', is unknown",
        ),
    ],
)
def test_bad_variable_is_one_clear_line(start, variables, message):
    code, output = start(**variables).wait()
    assert code == 1
    assert f"Cannot start: {message}" in output
    assert "Traceback" not in output


def test_passwords_of_given_servers_are_nowhere_to_be_read(start, tmp_path):
    secret = "s3cret-of-redis"
    valkey = Valkey(tmp_path / "valkey", ports.find_free(), options={"requirepass": secret})
    with (
        servers.running(servers.postgresql(tmp_path / "servers"), tmp_path) as database,
        processes_of(valkey, tmp_path) as redis_url,
    ):
        redis_url = redis_url.replace("redis://", f"redis://:{secret}@")
        stack = start(DATABASE_URL=database.url, REDIS_URL=redis_url)
        ready = stack.wait_for_line(READY)
        assert ready[2] == redis_url.replace(secret, "***")
        assert ready[3] == database.url.replace(database.password, "***")
        said = [*stack.lines, *(command_of(process) for process in psutil.process_iter())]
        said += [path.read_text() for path in (stack.data_dir / "logs").iterdir()]
        ours = f"--requirepass {secret}"  # of the test's own server
        assert not [
            text for text in said if database.password in text or secret in text.replace(ours, "")
        ]
        stack.process.send_signal(signal.SIGINT)
        assert stack.wait()[0] == 0


@contextmanager
def processes_of(valkey: Valkey, logs: Path):
    """The URL of a server that asks for its password, which its own check does not send."""
    process = Process(valkey.launch(), logs)
    try:
        wait_until(lambda: not ports.is_free(valkey.port))
        yield valkey.url
    finally:
        process.stop()


def test_demo_shows_its_users_and_a_live_conference(start):
    stack = start("--demo")
    database_url = stack.wait_for_line(READY)[3]
    assert stack.wait_for_line(r"^organizer: \S+ \S{8,}$")
    assert stack.wait_for_line(r"^admin: \S+ \S{8,}$")

    def live_sessions() -> int:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            query = "SELECT count(DISTINCT session_id) FROM engagement_metrics WHERE score > 0"
            return connection.execute(query).fetchone()[0]

    wait_until(lambda: live_sessions() >= 3, 40)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait()[0] == 0
    assert stack.processes() == []
