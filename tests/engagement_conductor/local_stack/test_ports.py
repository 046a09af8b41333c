"""Ports that somebody listens on, and others."""

import socket

from engagement_conductor.local_stack.ports import LOOPBACK, find_free, is_free


def test_a_port_is_free_until_somebody_listens_on_it() -> None:
    port = find_free()
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
    assert is_free(port)


def test_a_port_of_a_connection_that_was_closed_is_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first keeps the port in TIME_WAIT
    assert is_free(port)
