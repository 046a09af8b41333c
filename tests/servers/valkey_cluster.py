"""A real local cluster of three masters, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from engagement_conductor.local_stack import ports
from engagement_conductor.local_stack.processes import wait_until
from tests.servers.restartable_valkey import RestartableValkey

NODES = 3
SLOTS = 16_384
START_SECONDS = 60


class ClusterNode(RestartableValkey):
    """A node; its data and its role in the cluster survive a restart."""

    def __init__(self, directory: Path) -> None:
        self.bus_port = ports.find_free()
        options = {
            "cluster-enabled": "yes",
            "cluster-port": str(self.bus_port),
            "cluster-node-timeout": "2000",
            # Every write is on disk before it is confirmed, so a killed node loses nothing.
            "appendfsync": "always",
        }
        super().__init__(directory, options)

    def is_ready(self) -> bool:
        """Whether the node sees every slot served."""
        with redis.Redis.from_url(self.server.url) as client:
            state = client.cluster("INFO")
            return state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == NODES


class Cluster:
    """A cluster.

    Attributes:
        url: as in ``REDIS_CLUSTER_URL``.
    """

    def __init__(self, directory: Path) -> None:
        self.nodes = [ClusterNode(directory / f"node-{number}") for number in range(NODES)]
        self.url = ",".join(node.server.url for node in self.nodes)

    def start(self) -> None:
        bounds = [number * SLOTS // NODES for number in range(NODES + 1)]
        first = self.nodes[0]
        for number, node in enumerate(self.nodes):
            node.start()
            with redis.Redis.from_url(node.server.url) as client:
                last = bounds[number + 1] - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                if node is not first:
                    client.execute_command(
                        "CLUSTER", "MEET", "127.0.0.1", first.server.port, first.bus_port
                    )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        for node in self.nodes:
            assert node.process is not None
            assert wait_until(node.is_ready, node.process, START_SECONDS)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@contextmanager
def running_cluster(directory: Path) -> Iterator[Cluster]:
    """A cluster that runs until the block ends."""
    cluster = Cluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
