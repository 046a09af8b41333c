"""Reading the platform's streams through our consumer group."""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import redis
from redis.cluster import RedisCluster

from sessions_app.ingest.claims import Batch, PendingClaims
from sessions_app.ingest.read_size import BUDGET_BYTES, ReadSize
from sessions_app.redis_access import keys
from sessions_app.redis_access.bounded_replies import ReplyTooLargeError, at_most
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS

logger = logging.getLogger(__name__)

# A reply larger than recent entries suggested is aborted beyond this.
LARGEST_ANSWER_BYTES = 2 * BUDGET_BYTES
FORGET_CONSUMER_MS = 3_600_000
TRIM_CALLS = 100
LONGEST_PAUSE_MS = 20


class Entry(NamedTuple):
    """One entry of a stream as sent by Redis: ID, and alternating names and values."""

    entry_id: bytes
    fields: list[bytes] | None

    @property
    def data(self) -> bytes | None:
        """The payload; None if there is no field ``data``."""
        fields = self.fields or []
        if fields and fields[0] == b"data":
            return fields[1]
        return dict(zip(fields[::2], fields[1::2], strict=False)).get(b"data")


EntryIds = tuple[int, Sequence[bytes]]

# A script, as another collector may create the stream between check and renaming.
_MAKE_WAY = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'stream' or kind == 'none' then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
"""


def create_groups(client: "redis.Redis", now_ms: int) -> None:
    """Ensures that the group exists on every stream; a new group starts ten minutes back.

    A key of another type blocks reading, as all streams are read together: it is renamed to
    :func:`sessions_app.redis_access.keys.misplaced`.
    """
    start = max(0, now_ms - CATCH_UP_TICKS * TICK_MS)
    for channel in keys.CHANNELS:
        try:
            _create_group(client, channel, start)
        except redis.ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            if client.eval(_MAKE_WAY, 2, channel, keys.misplaced(channel)):
                logger.error("%s is not a stream: moved to %s.", channel, keys.misplaced(channel))
            _create_group(client, channel, start)


def _create_group(client: "redis.Redis", channel: str, start_ms: int) -> None:
    try:
        client.xgroup_create(channel, keys.CONSUMER_GROUP, id=f"{start_ms}-0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


class StreamReader:
    """Reads batches as one consumer of the group.

    Args:
        client: with its own connections, as reads block.
        name: the consumer, unique among running collectors.
        batch_size: maximum number of entries per stream and read.
    """

    def __init__(self, client: Any, name: str, batch_size: int) -> None:
        self.client = client
        self.name = name
        self.size = ReadSize(batch_size, len(keys.CHANNELS))
        self._recovery = PendingClaims(client, name, batch_size)
        _keep_raw_replies(client)

    def read(self, before: Any, block_ms: int) -> list[Batch]:
        """Reads new entries.

        Args:
            before: a pipeline on the same server, whose commands are executed first.
            block_ms: how long to wait for the first entry.

        Raises:
            ReplyTooLargeError: the reply was too large; the entries were delivered to us, and
                :meth:`recover` returns them.
        """
        try:
            with at_most(LARGEST_ANSWER_BYTES):
                batches = self._read(before, block_ms)
        except ReplyTooLargeError:
            self.size.note_excess(LARGEST_ANSWER_BYTES)
            raise
        numbers = [len(batch.entries) for batch in batches]
        self.size.note(max(numbers, default=0), sum(numbers), _bytes_of(batches))
        return batches

    def recover(self) -> list[Batch]:
        """Entries delivered to us, or to others long ago, that were never acknowledged."""
        return self._recovery.next_batches()

    def _read(self, before: Any, block_ms: int) -> list[Batch]:
        before.execute_command(
            *("XREADGROUP", "GROUP", keys.CONSUMER_GROUP, self.name),
            *("COUNT", self.size.count, "BLOCK", block_ms),
            *("STREAMS", *keys.CHANNELS, *[">"] * len(keys.CHANNELS)),
        )
        return _batches(before.execute()[-1])

    @staticmethod
    def queue_acknowledgement(pipeline: Any, entry_ids: Iterable[EntryIds]) -> None:
        """Queues the acknowledgement of entries, given by the index of their stream."""
        for position, identifiers in entry_ids:
            pipeline.execute_command(
                "XACK", keys.CHANNELS[position], keys.CONSUMER_GROUP, *identifiers
            )

    def forget_consumers(self) -> None:
        """Removes consumers that are long gone and hold no entries, to keep their list short."""
        for channel in keys.CHANNELS:
            for consumer in self.client.xinfo_consumers(channel, keys.CONSUMER_GROUP):
                if consumer["pending"] == 0 and consumer["idle"] > FORGET_CONSUMER_MS:
                    self.client.xgroup_delconsumer(channel, keys.CONSUMER_GROUP, consumer["name"])

    def trim(self, before_ms: int) -> None:
        """Trims entries older than ``before_ms``, but none that are still to be read."""
        for channel in keys.CHANNELS:
            group = next(
                group
                for group in self.client.xinfo_groups(channel)
                if group["name"] == keys.CONSUMER_GROUP.encode()
            )
            first = self.client.xpending(channel, keys.CONSUMER_GROUP)["min"]
            read_ms = int((first or group["last-delivered-id"]).partition(b"-")[0])
            # Each call trims at most 10,000 entries, so that the server is never blocked for long.
            for _ in range(TRIM_CALLS):
                if not self.client.xtrim(channel, minid=min(before_ms, read_ms), approximate=True):
                    break


class ClusterStreamReader(StreamReader):
    """A reader for streams on several nodes, which cannot be waited for in one call."""

    def _read(self, before: Any, block_ms: int) -> list[Batch]:
        """Reads without blocking; ``before`` may be on another server."""
        before.execute()
        self._keep_raw_replies()
        with self.client.pipeline(transaction=False) as pipeline:
            for channel in keys.CHANNELS:
                pipeline.execute_command(
                    *("XREADGROUP", "GROUP", keys.CONSUMER_GROUP, self.name),
                    *("COUNT", self.size.count, "STREAMS", channel, ">"),
                )
            batches = [batch for reply in pipeline.execute() for batch in _batches(reply)]
        if not batches and block_ms > 1:
            time.sleep(min(block_ms, LONGEST_PAUSE_MS) / 1000)
        return batches

    def _keep_raw_replies(self) -> None:
        """Applies it to all nodes, as there may be new ones."""
        for node in self.client.get_primaries():
            _keep_raw_replies(self.client.get_redis_connection(node))


def stream_reader(events: Any, name: str, batch_size: int) -> StreamReader:
    """The reader for a server or for a cluster."""
    kind = ClusterStreamReader if isinstance(events, RedisCluster) else StreamReader
    return kind(events, name, batch_size)


def _keep_raw_replies(client: Any) -> None:
    """Keeps replies as sent: the dict redis-py builds per entry costs as much as decoding it."""
    client.set_response_callback("XREADGROUP", lambda response, **_: response)


def _batches(reply: Any) -> list[Batch]:
    streams: Iterable[Any] = reply.items() if isinstance(reply, dict) else (reply or ())
    return [
        Batch(keys.CHANNELS.index(name.decode()), entries) for name, entries in streams if entries
    ]


def _bytes_of(batches: Iterable[Batch]) -> int:
    return sum(
        len(fields[1]) if len(fields) == 2 else sum(map(len, fields))
        for batch in batches
        for _, fields in batch.entries
    )
