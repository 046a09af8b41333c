"""Who shares a limit, and for how long a request and a handshake count."""

import asyncio
from typing import Any

import pytest

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.concurrency import HandshakeLimiter, RequestLimiter, caller_of
from engagement_conductor.web_server.error_responses import SECURITY_HEADERS


def scope(*headers: tuple[bytes, bytes], path: str = "/", client: Any = ("10.0.0.1", 5)) -> Any:
    return {"headers": headers, "client": client, "path": path}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), "address 10.0.0.1"),
        (((b"cookie", b"x=y; engagement_session=" + b"a" * 32),), f"login {'a' * 32}"),
        (((b"cookie", b"engagement_session=abc; x=y"),), "address 10.0.0.1"),
        (((b"cookie", b'engagement_session="\\000aaaaaaaaaa"'),), "address 10.0.0.1"),
        (((b"cookie", b"engagement_session="),), "address 10.0.0.1"),
        (((b"cookie", b"\xff=;;="),), "address 10.0.0.1"),
        (((b"authorization", b"Bearer secret"),), "token secret"),
        (((b"authorization", b" bearer  secret "),), "token secret"),
        (((b"authorization", b"Basic bWU6c2VjcmV0"),), "address 10.0.0.1"),
        (((b"authorization", b"Bearer \x00"),), "address 10.0.0.1"),
        (((b"authorization", b"Bearer " + b"x" * 5_000),), "address 10.0.0.1"),
        (((b"x-forwarded-for", b"6.6.6.6, 1.1.1.1"),), "address 1.1.1.1"),
        (((b"x-forwarded-for", b"nonsense"),), "address 10.0.0.1"),
        (((b"x-forwarded-for", b"2001:db8::1:2:3:4"),), "address 2001:db8::"),
        (((b"x-forwarded-for", b"::ffff:1.1.1.1"),), "address 1.1.1.1"),
    ],
)
def test_who_shares_a_limit(settings: Any, headers: Any, expected: str) -> None:
    settings.TRUSTED_PROXIES = 1
    assert caller_of(scope(*headers)) == expected


def test_clients_without_an_address_share_one() -> None:
    assert caller_of(scope(client=None)) == "address "


class Application:
    """Keeps every request until it is told to finish."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.running = 0
        self.finish = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.running += 1
        await send({"type": self.first, "status": 200})
        await self.finish.wait()


async def test_requests_wait_and_are_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUESTS_PER_CALLER", 2)
    monkeypatch.setattr(limits, "REQUEST_QUEUE_SECONDS", 0.1)
    application = Application("http.response.start")
    limited = RequestLimiter(application)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asked = [asyncio.create_task(limited(scope(), None, send)) for _ in range(3)]
    await asked[2]
    assert application.running == 2
    assert [message.get("status") for message in sent] == [200, 200, 503, None]
    assert (b"retry-after", b"5") in sent[2]["headers"]
    assert set(SECURITY_HEADERS) < set(sent[2]["headers"])
    assert (b"x-frame-options", b"DENY") in sent[2]["headers"]
    assert losses.take() == {"refused_requests:request": 1}
    alive = asyncio.create_task(limited(scope(path="/healthz"), None, send))
    await asyncio.sleep(0.05)
    assert application.running == 3
    application.finish.set()
    await asyncio.gather(*asked, alive)


@pytest.mark.parametrize("first", ["websocket.accept", "websocket.close"])
async def test_a_handshake_counts_until_it_is_answered(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKES_PER_CALLER", 1)
    application = Application(first)
    limited = HandshakeLimiter(application)

    async def send(message: Any) -> None:
        assert message["type"] == first

    asked = [asyncio.create_task(limited(scope(), None, send)) for _ in range(5)]
    await asyncio.sleep(0.1)
    assert application.running == 5
    application.finish.set()
    await asyncio.gather(*asked)


async def test_a_handshake_that_waits_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKES_PER_CALLER", 1)
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.1)
    stuck = asyncio.Event()

    async def never_answers(scope: Any, receive: Any, send: Any) -> None:
        await stuck.wait()

    limited = HandshakeLimiter(never_answers)
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    first = asyncio.create_task(limited(scope(), None, send))
    await asyncio.sleep(0)
    await limited(scope(), None, send)
    assert sent == ["websocket.close"]
    assert losses.take() == {"refused_requests:handshake": 1}
    stuck.set()
    await first
