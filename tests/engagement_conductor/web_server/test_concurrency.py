"""Who asks, as far as headers tell, and what a request and a handshake hold on to."""

import asyncio
from typing import Any

import pytest

from dashboard.losses import losses
from engagement_conductor.web_server import bare_answers
from engagement_conductor.web_server.concurrency import (
    BoundedHandshakes,
    BoundedRequests,
    caller_of,
)


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
def test_who_asks(settings: Any, headers: Any, expected: str) -> None:
    settings.TRUSTED_PROXIES = 1
    assert caller_of(scope(*headers)) == expected


def test_an_unknown_address_is_one_too() -> None:
    assert caller_of(scope(client=None)) == "address "


class Application:
    """Stays in every request until it is told to go on."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.inside = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        await send({"type": self.first, "status": 200})
        await self.go_on.wait()


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    losses.take()


async def test_requests_wait_and_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_conductor.web_server.concurrency.REQUESTS_OF_ONE", 2)
    monkeypatch.setattr("engagement_conductor.web_server.concurrency.WAITING_SECONDS", 0.1)
    application = Application("http.response.start")
    bounded = BoundedRequests(application)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asked = [asyncio.create_task(bounded(scope(), None, send)) for _ in range(3)]
    await asked[2]
    assert application.inside == 2
    assert [message.get("status") for message in sent] == [200, 200, 503, None]
    assert (b"retry-after", b"5") in sent[2]["headers"]
    assert set(bare_answers.HEADERS) < set(sent[2]["headers"])
    assert (b"x-frame-options", b"DENY") in sent[2]["headers"]
    assert losses.take() == {"refused_requests:request": 1}
    alive = asyncio.create_task(bounded(scope(path="/healthz"), None, send))
    await asyncio.sleep(0.05)
    assert application.inside == 3
    application.go_on.set()
    await asyncio.gather(*asked, alive)


@pytest.mark.parametrize("first", ["websocket.accept", "websocket.close"])
async def test_a_handshake_makes_room_once_it_is_over(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setattr("engagement_conductor.web_server.concurrency.HANDSHAKES_OF_ONE", 1)
    application = Application(first)
    bounded = BoundedHandshakes(application)

    async def send(message: Any) -> None:
        assert message["type"] == first

    asked = [asyncio.create_task(bounded(scope(), None, send)) for _ in range(5)]
    await asyncio.sleep(0.1)
    assert application.inside == 5
    application.go_on.set()
    await asyncio.gather(*asked)


async def test_a_handshake_whose_turn_does_not_come_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engagement_conductor.web_server.concurrency.HANDSHAKES_OF_ONE", 1)
    monkeypatch.setattr("engagement_conductor.web_server.concurrency.HANDSHAKE_SECONDS", 0.1)
    stuck = asyncio.Event()

    async def never_answers(scope: Any, receive: Any, send: Any) -> None:
        await stuck.wait()

    bounded = BoundedHandshakes(never_answers)
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    first = asyncio.create_task(bounded(scope(), None, send))
    await asyncio.sleep(0)
    await bounded(scope(), None, send)
    assert sent == ["websocket.close"]
    assert losses.take() == {"refused_requests:handshake": 1}
    stuck.set()
    await first
