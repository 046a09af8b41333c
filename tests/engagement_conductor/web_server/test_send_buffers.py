"""What waits for slow clients is counted, and limited for all together."""

from engagement_conductor.web_server.send_buffers import SendBuffers


class Client:
    def __init__(self) -> None:
        self.disconnected = 0

    def disconnect(self) -> None:
        self.disconnected += 1


def test_the_slowest_client_is_disconnected() -> None:
    buffers = SendBuffers(limit=100)
    slow, slower, last = Client(), Client(), Client()
    assert buffers.add(slow.disconnect, 40) == 40
    assert buffers.add(slower.disconnect, 30) == 30
    assert buffers.add(slower.disconnect, 25) == 55
    assert buffers.add(last.disconnect, 10) == 10
    assert [client.disconnected for client in (slow, slower, last)] == [0, 1, 0]
    assert len(buffers) == 50


def test_what_was_read_no_longer_counts() -> None:
    buffers = SendBuffers(limit=100)
    client = Client()
    buffers.add(client.disconnect, 90)
    buffers.remove(client.disconnect)
    buffers.remove(client.disconnect)
    assert buffers.add(client.disconnect, 90) == 90
    assert (client.disconnected, len(buffers)) == (0, 90)


def test_one_client_alone_may_exceed_the_limit() -> None:
    buffers = SendBuffers(limit=100)
    client = Client()
    assert buffers.add(client.disconnect, 101) == 0
    assert (client.disconnected, len(buffers)) == (1, 0)
