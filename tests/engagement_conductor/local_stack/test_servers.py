import json
import socket
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from engagement_conductor.configuration import env
from engagement_conductor.local_stack import servers
from engagement_conductor.local_stack.stack import lock
from engagement_conductor.local_stack.valkey import Valkey
from tests.privacy import readable_by_others

pytestmark = pytest.mark.integration


def execute(url, statement):
    with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def working_in(directory: Path) -> list[psutil.Process]:
    """The processes whose working directory is ``directory`` or below."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(directory):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_servers_keep_their_data_and_ports_over_a_restart(data_dir):
    with servers.running_pair(data_dir) as first:
        execute(first["database"], "CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(first["redis"]) as client:
            client.set("kept", "42")
    assert working_in(data_dir) == []
    with servers.running_pair(data_dir) as second:
        assert second == first
        assert execute(second["database"], "SELECT answer FROM kept") == [(42,)]
        with redis.Redis.from_url(second["redis"]) as client:
            assert client.get("kept") == b"42"


def test_urls_are_written_for_their_owner_only(data_dir):
    with servers.running_pair(data_dir) as urls:
        path = data_dir / "servers.json"
        assert json.loads(path.read_text()) == urls
        assert path.stat().st_mode & 0o777 == 0o600
        assert (data_dir / "postgresql_password").stat().st_mode & 0o777 == 0o600


def test_what_an_earlier_release_left_readable_is_readable_no_more(tmp_path):
    data = tmp_path / "data"
    for folder in ("valkey/appendonlydir", "logs"):
        (data / folder).mkdir(parents=True)
    data.chmod(0o755)
    (data / "valkey" / "old").write_text("what was posted")
    (data / "logs" / "valkey.log").write_text("what was said")
    for name in ("valkey.log", "web.log.1", "conference.log"):
        (data / "logs" / name).touch()
        (data / "logs" / name).chmod(0o644)
    with servers.running_pair(data) as urls, redis.Redis.from_url(urls["redis"]) as client:
        client.set("posted", "by somebody")
        assert readable_by_others(data) == []
        assert (data / "logs").stat().st_mode & 0o777 == 0o700
        [journal] = (data / "valkey").glob("appendonlydir/*.incr.aof")
        assert journal.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("other_user", "expected"), [(False, 0o700), (True, 0o711)])
def test_our_own_data_folder_of_an_earlier_release_is_closed(
    tmp_path, monkeypatch, other_user, expected
):
    monkeypatch.setattr(env, "BASE_DIR", tmp_path)
    monkeypatch.setattr(servers, "runs_as_another_user", lambda: other_user)
    ours, named = tmp_path / ".data", tmp_path / "named"
    for folder in (ours, named):
        folder.mkdir()
        folder.chmod(0o755)
        lock(folder).close()
    assert ours.stat().st_mode & 0o777 == expected
    assert named.stat().st_mode & 0o777 == 0o755


def listening_addresses(process: psutil.Process) -> set[str]:
    """Where it listens; nowhere if it has ended meanwhile, as a server's helpers do."""
    try:
        connections = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return set()
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


def test_servers_listen_on_this_machine_only_and_ask_for_the_password(data_dir):
    with servers.running_pair(data_dir) as urls:
        password = urls["database"].split(":")[2].split("@")[0]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            execute(urls["database"].replace(password, "wrong"), "SELECT 1")
        processes = working_in(data_dir)
        assert set().union(*map(listening_addresses, processes)) == {"127.0.0.1"}


def test_server_moves_when_its_port_was_taken_meanwhile(tmp_path, socket_in_use):
    server = Valkey(tmp_path / "valkey", socket_in_use)
    with servers.running(server, tmp_path) as moved:
        assert moved.port != socket_in_use
        assert moved.answers()


@pytest.fixture
def socket_in_use():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
