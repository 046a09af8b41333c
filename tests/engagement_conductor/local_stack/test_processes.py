"""Child processes: none outlives its owner, and none of others is touched."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis
from django.conf import settings

from engagement_conductor.local_stack import ports, servers
from engagement_conductor.local_stack.processes import stop_leftover
from engagement_conductor.local_stack.valkey import Valkey
from tests.engagement_conductor.local_stack.test_servers import working_in
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

OWNER = """
import sys, time
from pathlib import Path
from engagement_conductor.local_stack import servers
with servers.running_pair(Path(sys.argv[1])):
    print("running", flush=True)
    time.sleep(60)
"""


def wait_until_none(directory: Path, seconds: float = 15) -> list[psutil.Process]:
    give_up_at = time.monotonic() + seconds
    while (left := working_in(directory)) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return left


def test_killed_owner_leaves_no_server(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout.readline() == "running\n"
        assert working_in(tmp_path) != []
        owner.kill()
    assert wait_until_none(tmp_path) == []


def test_leftover_server_is_ended_and_its_data_taken_over(tmp_path):
    first = Valkey(tmp_path / "valkey", ports.find_free())
    launch = first.launch()
    launch.prepare()
    leftover = subprocess.Popen(launch.arguments, stdout=subprocess.DEVNULL)
    wait_until(first.answers, 10)
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "1")
    second = Valkey(tmp_path / "valkey", ports.find_free())
    with (
        servers.running(second, tmp_path) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        assert leftover.wait(5) == 0
        assert client.get("kept") == b"1"


def test_stale_pid_of_somebody_else_is_left_alone(tmp_path):
    with subprocess.Popen(["sleep", "60"], cwd="/") as stranger:
        pid_file = tmp_path / "server.pid"
        pid_file.write_text(f"{stranger.pid}\n")
        stop_leftover(pid_file, tmp_path, signal.SIGTERM)
        assert not pid_file.exists()
        assert stranger.poll() is None
        stranger.kill()
