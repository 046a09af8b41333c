"""A lock on the table of scores makes the scores unavailable, and nothing else."""

import asyncio
import time
from collections import Counter

import pytest

from tests.e2e.driving.greedy import Polite, Target, attack, cookies_of
from tests.e2e.driving.live_socket import LiveSocket
from tests.e2e.driving.stack_process import RunningProcesses
from tests.factories import Cast, make_cast, make_metrics
from tests.servers.outages import locked

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

# Generous for a busy machine; a page waits two seconds for a lock.
LONGEST_WAIT_SECONDS = 12.0
PAGES = 60


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cast = make_cast()
    for session in (cast.session, cast.bobs_session):
        make_metrics(session, [0.5] * 40)
    return cast


def test_pages_logins_and_health_answer_while_the_scores_are_locked(
    product: RunningProcesses, cast: Cast
) -> None:
    alice, bob, admin = (
        Target(product.web_port, cookies_of(name)) for name in ("alice", "bob", "admin")
    )
    pages = ["/", f"/sessions/{cast.session.pk}/", "/finished/"]
    nobody = Target(product.web_port, {})

    async def ask_all() -> Counter[int]:
        asked = [
            alice.status(alice.request(pages[number % 3], "GET", "Connection: close"))
            for number in range(PAGES)
        ]
        return Counter(await asyncio.gather(*asked))

    path = f"/ws/sessions/{cast.session.pk}/"
    with LiveSocket(product.web_port, path, cookies_of("alice")) as screen:
        assert screen.snapshot["points"]
        with (
            locked(product.database_url),
            Polite(bob).browsing() as polite,
            Polite(admin, "/admin/anomalies_app/anomaly/").browsing() as reviewing,
            Polite(nobody, "/login/").browsing() as newcomer,
            Polite(nobody, "/health").browsing() as health,
        ):
            began = time.monotonic()
            statuses = attack(ask_all())
            taken = time.monotonic() - began
            # Its snapshot waits for the scores; other sockets can be opened meanwhile.
            opened = attack(bob.open_socket("/ws/overview/"))
            assert opened is not None
            time.sleep(3)
        assert statuses == {200: PAGES}
        print(f"{PAGES} pages in {taken:.1f} s")
        for each in (polite, reviewing, newcomer, health):
            assert each.statuses == {200}, each.path
            assert max(each.seconds) < LONGEST_WAIT_SECONDS, each.path
    with LiveSocket(product.web_port, path, cookies_of("alice")) as screen:
        assert len(screen.snapshot["points"]) == 40
    assert "Traceback" not in product.log("web")
