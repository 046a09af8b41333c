"""Sockets that are cut off for what their clients do or do not do."""

from collections import Counter
from collections.abc import Callable
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.task import Clock

from dashboard.losses import losses
from engagement_conductor.web_server import socket
from engagement_conductor.web_server.send_buffers import Unread
from engagement_conductor.web_server.socket import Socket


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Socket:
    """An open socket whose client takes nothing."""
    for name in ("onMessage", "onMessageFrameBegin", "serverSend"):
        monkeypatch.setattr(WebSocketProtocol, name, lambda self, *_: None)
    made = Socket()
    made.factory = SimpleNamespace(reactor=clock)
    made.server = SimpleNamespace(unread=Unread(most=100))
    made.application_queue = Queue()
    made.message_data_total_length = 0
    made._stalled, made._given_up = None, False
    made.ended = 0
    monkeypatch.setattr(Socket, "dropConnection", _end)
    return made


def _end(self: Any, abort: bool) -> None:
    self.ended += 1
    self.stopProducing()


def say_too_much(opened: Socket, clock: Clock) -> None:
    opened.message_data_total_length = socket.LONGEST_MESSAGE_BYTES + 1
    opened.onMessageFrameBegin(1)


def flood(opened: Socket, clock: Clock) -> None:
    for _ in range(socket.MOST_WAITING_MESSAGES):
        opened.application_queue.put(b"")
    opened.onMessage(b"", False)


def read_nothing(opened: Socket, clock: Clock) -> None:
    opened.pauseProducing()
    clock.advance(socket.STALLED_SECONDS)


def let_all_of_the_process_wait(opened: Socket, clock: Clock) -> None:
    opened.pauseProducing()
    opened.serverSend("x" * 101)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (say_too_much, "too_long"),
        (flood, "flood"),
        (read_nothing, "unread"),
        (let_all_of_the_process_wait, "unread"),
    ],
)
def test_a_socket_that_is_cut_off_is_counted_once(
    opened: Socket, clock: Clock, act: Callable[[Socket, Clock], None], kind: str
) -> None:
    act(opened, clock)
    opened._end_unread()
    assert opened.ended == 1
    assert losses.take() == Counter({f"cut_off_clients:{kind}": 1})
