"""Fixtures for all tests. ``make test`` starts the servers; each process has its own Valkey."""

import importlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
import redis

from dashboard.http.losses import losses
from engagement_conductor import settings as product_settings
from engagement_conductor.local_stack import ports
from engagement_conductor.local_stack import servers as embedded
from engagement_conductor.local_stack.guard import guard
from engagement_conductor.local_stack.valkey import Valkey
from sessions_app.telemetry import once_a_minute, outages
from sessions_app.telemetry.once_a_minute import OnceAMinute
from tests.requirements import missing
from tests.servers.restartable_valkey import RestartableValkey
from tests.servers.valkey_cluster import Cluster
from tests.servers.valkey_cluster import running_cluster as start_cluster

cleanup = ExitStack()
# Examples may be generated slowly on a busy machine, which must not fail a test.
hypothesis.settings.register_profile(
    "product", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# The same few examples for every mutant, so that it is the mutant that a test fails for.
hypothesis.settings.register_profile(
    "mutation",
    hypothesis.settings.get_profile("product"),
    max_examples=30,
    derandomize=True,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("product")


def pytest_configure(config: pytest.Config) -> None:
    """Points the settings at a Valkey of this process, as Pub/Sub ignores database numbers.

    A mutation run starts pytest for each mutant, so it brings one server for all (TEST_REDIS_URL).
    """
    is_controller = getattr(config.option, "numprocesses", None) and not hasattr(
        config, "workerinput"
    )
    if is_controller:
        return
    if url := os.environ.get("TEST_REDIS_URL"):
        use_redis(url)
        return
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="valkey-")))
    server = Valkey(folder, ports.find_free(), persistent=False)
    use_redis(cleanup.enter_context(embedded.running(server, folder)).url)


def use_redis(url: str) -> None:
    """Lets the settings, and the processes that tests start, use this server."""
    os.environ["REDIS_URL"] = url
    reload_settings("REDIS_URL", "CELERY_BROKER_URL", "CHANNEL_LAYERS")
    use_plain_static_files()


def pytest_unconfigure() -> None:
    cleanup.close()
    guard.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Repeats at the end what ``make test`` could not run here."""
    for line in filter(None, os.environ.get("NOT_RUN", "").splitlines()):
        terminalreporter.write_line(f"NOT RUN: {line}", red=True, bold=True)


def reload_settings(*names: str) -> None:
    """Reloads settings from the environment; pytest-django read them before this file."""
    from django.conf import settings

    module = importlib.reload(product_settings)
    for name in names:
        setattr(settings, name, getattr(module, name))


def use_plain_static_files() -> None:
    """Renders pages without a manifest, which would have to be rebuilt for every new file."""
    from django.conf import settings

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _fresh_log_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resets limits of one line a minute, so that each test logs such lines."""
    monkeypatch.setattr(outages, "_lines", OnceAMinute())
    monkeypatch.setattr(once_a_minute, "_lines", OnceAMinute())
    monkeypatch.setattr(losses, "_lines", OnceAMinute())


@pytest.fixture(autouse=True, scope="session")
def _fast_teardown() -> None:
    """Empties only tables with rows; Django would empty all, and recreate content types."""
    from django.test import TransactionTestCase

    TransactionTestCase._fixture_teardown = lambda _: empty_tables()  # type: ignore[method-assign]


def empty_tables() -> None:
    """Deletes all rows except those that migrations create."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    kept = {model._meta.db_table for model in (ContentType, Permission)}
    tables = set(connection.introspection.django_table_names(only_existing=True)) - kept
    if not tables:
        return
    query = " UNION ALL ".join(
        f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in sorted(tables)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        if filled := [table for (table,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The Valkey of this test process."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def redis_client(redis_url: str) -> Iterator["redis.Redis"]:
    """A client of an emptied server."""
    with redis.Redis.from_url(redis_url, socket_timeout=10) as client:
        client.flushall()
        yield client


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """The URL of the test database, for processes that a test starts."""
    return url_of_database()


def url_of_database() -> str:
    """The URL of the database that Django is connected to."""
    from django.db import connection

    settings = connection.settings_dict
    user, password = (quote(str(settings[name]), safe="") for name in ("USER", "PASSWORD"))
    address = f"{settings['HOST']}:{settings['PORT']}"
    return f"postgresql://{user}:{password}@{address}/{settings['NAME']}"


@pytest.fixture
def cast(db: None) -> Any:
    """Alice, Bob, Charlie and an admin, with a session each of Alice and Bob."""
    from tests.factories import make_cast

    return make_cast()


@pytest.fixture
async def connections_closed() -> AsyncIterator[None]:
    """Those of the thread that asks the database for asynchronous code, which outlives the test."""
    from asgiref.sync import sync_to_async
    from django.db import connections

    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def new_worker(redis_client: redis.Redis) -> Iterator[None]:
    """Tasks run as in a process that has just started."""
    from engagement_conductor import tasks

    tasks._client = None
    yield
    tasks.client().close()
    tasks._client = None


@pytest.fixture
def stage(redis_client: redis.Redis, new_worker: None) -> Any:
    """Two sessions in two shards that have been scored twice."""
    from tests.two_shards import TwoShards

    made = TwoShards(redis_client)
    made.begin()
    return made


@pytest.fixture
def letters(redis_client: redis.Redis) -> None:
    """Thirty letters that were set aside, the last of them hostile."""
    from sessions_app.redis_access import keys
    from tests.pipeline import collect_all, collector
    from tests.platform import HOSTILE_LETTER, chat, post

    for number in range(29):
        post(redis_client, keys.CHAT_MESSAGE, {"sessionId": number})
    with collector() as running:
        collect_all(redis_client, running)
        post(redis_client, keys.SYNC_EVENTS, HOSTILE_LETTER)
        post(redis_client, keys.CHAT_MESSAGE, chat("m1"))
        collect_all(redis_client, running)


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[Callable[[], RestartableValkey]]:
    """A factory of running servers that a test may kill."""
    servers: list[RestartableValkey] = []

    def start() -> RestartableValkey:
        servers.append(RestartableValkey(tmp_path / f"valkey-{len(servers)}"))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def valkey(valkey_server: Callable[[], RestartableValkey]) -> RestartableValkey:
    return valkey_server()


@pytest.fixture
def timescaledb(db: None) -> None:
    """Requires a test database with TimescaleDB."""
    from django.db import connection

    if not connection.has_timescaledb:
        missing("the database server has no TimescaleDB")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of a Chromium executable."""
    path = os.environ.get("CHROMIUM", "")
    if not path:
        missing("there is no Chromium (CHROMIUM is not set)")
    return path


@pytest.fixture(scope="module")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster; its users must empty it."""
    with start_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(params=["server", "cluster"])
def empty_events(
    request: pytest.FixtureRequest, redis_client: redis.Redis, settings: Any
) -> Iterator[Any]:
    """A client of the emptied Redis that holds the streams: a server, and then a cluster."""
    from sessions_app.redis_access.client import cluster_client, look_up_nodes_again

    if request.param == "cluster":
        settings.REDIS_CLUSTER_URL = request.getfixturevalue("running_cluster").url
    client = cluster_client(redis_client)
    client.flushall()
    yield client
    look_up_nodes_again()
