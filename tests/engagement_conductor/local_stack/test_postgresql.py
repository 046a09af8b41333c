"""The embedded PostgreSQL: its data survives whatever ends it."""

import os
import signal

import pytest

from engagement_conductor.local_stack import ports, servers
from engagement_conductor.local_stack.postgresql import PostgreSQL
from engagement_conductor.local_stack.processes import Process, wait_until
from engagement_conductor.local_stack.valkey import Valkey
from tests.engagement_conductor.local_stack.test_processes import wait_until_none
from tests.engagement_conductor.local_stack.test_servers import execute

pytestmark = pytest.mark.integration


def test_killed_postgresql_starts_again_on_its_data(tmp_path):
    server = servers.postgresql(tmp_path)
    process = Process(server.launch(), tmp_path / "logs")
    assert wait_until(server.answers, process, 60)
    execute(server.url, "CREATE TABLE kept AS SELECT 1")
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until_none(tmp_path / "postgresql") == []
    assert process.exit_code() == -signal.SIGKILL
    assert (tmp_path / "postgresql" / "postmaster.pid").exists()
    with servers.running(server, tmp_path / "logs") as again:
        assert execute(again.url, "SELECT * FROM kept") == [(1,)]


def test_interrupted_initialisation_is_not_taken_for_a_cluster(tmp_path):
    unfinished = tmp_path / "postgresql.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    server = PostgreSQL(tmp_path / "postgresql", ports.find_free(), "secret")
    with servers.running(server, tmp_path) as running:
        assert execute(running.url, "SHOW server_version_num")[0][0].startswith("18")
    assert not unfinished.exists()
    assert not list(tmp_path.glob("*.password"))


def test_server_that_cannot_start_says_why(tmp_path):
    server = Valkey(tmp_path / "valkey", ports.find_free())
    server.directory.mkdir()
    (server.directory / "appendonlydir").write_text("not a folder")
    with (
        pytest.raises(RuntimeError, match=r"(?s)valkey does not start:\n.*appendonlydir"),
        servers.running(server, tmp_path),
    ):
        pass
