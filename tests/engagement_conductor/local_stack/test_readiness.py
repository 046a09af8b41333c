"""Whether the processes of a stack answer."""

import http.server
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from engagement_conductor.local_stack import ports
from engagement_conductor.local_stack.commands import COLLECTOR
from engagement_conductor.local_stack.readiness import Readiness
from sessions_app.redis_access import keys

pytestmark = pytest.mark.integration


class Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Into no test's output."""


@pytest.fixture
def web() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_web_server_answers_once_it_is_well(
    web: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Readiness(web.server_port).checks["web"]
    assert check()
    monkeypatch.setattr(Answer, "status", 503)
    assert not check()
    assert not Readiness(ports.find_free()).checks["web"]()


def test_only_our_own_collector_counts(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Readiness(0).checks["collector"]
    redis_client.zadd(keys.COLLECTORS, {"another": time.time() * 1000})
    assert not check()
    redis_client.zadd(keys.COLLECTORS, {COLLECTOR: time.time() * 1000})
    assert check()
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{ports.find_free()}")
    assert not check()


def test_a_worker_that_is_not_there_does_not_answer(redis_client: redis.Redis) -> None:
    assert not Readiness(0).checks["worker"]()
