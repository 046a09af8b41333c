"""Clients with malformed session cookies count as anonymous, and do not affect others."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.e2e.driving.greedy import Target, attack, cookies_of
from tests.e2e.driving.stack_process import RunningProcesses
from tests.factories import Cast

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

HANDSHAKES_PER_SECOND = 35
TRIES = 30
# As a browser may send them: quoted, with octal escapes.
NUL = '"\\000aaaaaaaaaa"'
POISON = [
    NUL,
    "a\\000" + "a" * 30,
    '"' + "a" * 31 + '\\000"',
    '"\\355\\240\\200aaaaaaaaaaaaa"',
    "\xff" * 32,
    "%00" * 12,
    "A" * 32,
    "a" * 8_000,
    "9" * 5_000,
    "' OR ''='",
    "-1",
]


def poisoned(product: RunningProcesses, cookie: str) -> Target:
    return Target(product.web_port, {"engagement_session": cookie})


async def knock(target: Target, path: str, over: asyncio.Event) -> int:
    """Attempts to open sockets at a steady rate; returns the number of attempts."""
    tasks: set[asyncio.Task[object]] = set()
    count = 0
    while not over.is_set():
        tasks.add(asyncio.create_task(target.open_socket(path)))
        count += 1
        await asyncio.sleep(1 / HANDSHAKES_PER_SECOND)
    await asyncio.gather(*tasks)
    return count


def refused_while_somebody_knocks(attacker: Target, victim: Target, paths: list[str]) -> int:
    """Number of the victim's handshakes that are refused during the attack."""

    async def attempt() -> int:
        over = asyncio.Event()
        knocking = asyncio.create_task(knock(attacker, "/ws/overview/", over))
        await asyncio.sleep(0.5)
        refused = 0
        for number in range(TRIES):
            refused += await victim.open_socket(paths[number % len(paths)]) is None
            await asyncio.sleep(0.05)
        over.set()
        assert await knocking > TRIES
        return refused

    return attack(attempt())


def test_a_cookie_with_a_nul_affects_no_other_socket(
    product: RunningProcesses, cast: Cast, record_property: Callable[[str, object], None]
) -> None:
    alice = Target(product.web_port, cookies_of("alice"))
    paths = ["/ws/overview/", f"/ws/sessions/{cast.session.pk}/"]
    began = time.monotonic()
    refused = refused_while_somebody_knocks(poisoned(product, NUL), alice, paths)
    record_property("seconds", time.monotonic() - began)
    print(f"{refused} of {TRIES} handshakes refused in {time.monotonic() - began:.1f} s")
    assert refused == 0
    assert "Traceback" not in product.log("web")


def test_no_session_cookie_causes_a_server_error(product: RunningProcesses, cast: Cast) -> None:
    async def ask(cookie: str) -> tuple[int, int, int, bool]:
        target = poisoned(product, cookie)
        statuses = [
            await target.status(target.request(path, method, "Connection: close", *headers))
            for path, method, *headers in (
                ("/", "GET"),
                ("/login/", "GET"),
                ("/login/", "POST", "Content-Length: 0"),
            )
        ]
        return *statuses, await target.open_socket("/ws/overview/") is None

    async def attempt() -> dict[str, tuple[int, int, int, bool]]:
        return {cookie: await ask(cookie) for cookie in POISON}

    expected = dict.fromkeys(POISON, (302, 200, 403, True))
    assert attack(attempt()) == expected
    assert "Traceback" not in product.log("web")


@pytest.mark.parametrize("name", ["engagement_csrf", "messages", "sessionid", "\x00"])
def test_no_other_cookie_causes_a_server_error(
    product: RunningProcesses, cast: Cast, name: str
) -> None:
    alice = cookies_of("alice")

    async def attempt() -> set[int]:
        found = set()
        for value in POISON:
            target = Target(product.web_port, {**alice, name: value})
            found.add(await target.status(target.request("/", "GET", "Connection: close")))
        return found

    # The web server itself refuses control characters in a header.
    assert attack(attempt()) <= ({400} if name == "\x00" else {200})
    assert "Traceback" not in product.log("web")
