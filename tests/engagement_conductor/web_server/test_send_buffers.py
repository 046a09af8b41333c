"""What waits for slow clients is counted, and bounded for all together."""

from engagement_conductor.web_server.send_buffers import Unread


class Client:
    def __init__(self) -> None:
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


def test_whoever_lets_wait_the_most_is_given_up() -> None:
    unread = Unread(most=100)
    slow, slower, last = Client(), Client(), Client()
    assert unread.add(slow.end, 40) == 40
    assert unread.add(slower.end, 30) == 30
    assert unread.add(slower.end, 25) == 55
    assert unread.add(last.end, 10) == 10
    assert [client.ended for client in (slow, slower, last)] == [0, 1, 0]
    assert len(unread) == 50


def test_what_was_read_is_forgotten() -> None:
    unread = Unread(most=100)
    client = Client()
    unread.add(client.end, 90)
    unread.forget(client.end)
    unread.forget(client.end)
    assert unread.add(client.end, 90) == 90
    assert (client.ended, len(unread)) == (0, 90)


def test_one_client_alone_may_be_too_much() -> None:
    unread = Unread(most=100)
    client = Client()
    assert unread.add(client.end, 101) == 0
    assert (client.ended, len(unread)) == (1, 0)
