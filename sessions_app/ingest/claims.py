"""Claims entries read but never acknowledged: ours after a restart, others' after a while.

First, only their IDs and delivery counts are read, as one of them may have killed its reader.
Redelivered entries are then read in groups that get smaller each time, down to single entries, and
those delivered :data:`MAXIMUM_DELIVERIES` times are set aside unread. An entry that kills every
collector thus costs that many restarts, and no other entry is lost with it.

Outages do not count as deliveries: while a shard accepts no blocks, entries stay with their
consumer, so that the delivery count reflects crashes only.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sessions_app.events.decoding import MAXIMUM_PAYLOAD_BYTES
from sessions_app.events.excerpts import KEPT_BYTES, CutPayload
from sessions_app.ingest.read_size import BUDGET_BYTES
from sessions_app.redis_access import keys

# A batch takes about 100 ms, so a consumer that holds entries for longer is dead or suspended.
# Claiming from a slow one is harmless: the scorer recognises entries by ID and counts each once.
CLAIM_IDLE_MS = 5_000
MAXIMUM_DELIVERIES = 5
# Group size by delivery count; beyond these, one entry at a time.
GROUP_SIZES = {2: 16}
# Long enough to be noticed while debugging.
PROBE_SECONDS = 60
# Pending entries listed per stream at once, without payloads.
LISTED = 1_000

# Claims entries one by one until the byte budget is used up. For an oversized entry, only the field
# ``data`` leaves the server, cut short if it is oversized itself; the third element is then its
# whole size. A deleted entry has no fields.
_CLAIM = """
local room, limit, kept = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local taken = {}
for i = 7, #ARGV do
  if room <= 0 then break end
  local id = ARGV[i]
  local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], id)[1]
  if entry then
    local fields, size = entry[2], 0
    for j = 1, #fields do size = size + #fields[j] end
    room = room - size
    if size > limit then
      local name, data = fields[1], fields[2]
      if name ~= 'data' then
        for j = 3, #fields, 2 do
          if fields[j] == 'data' then name, data = fields[j], fields[j + 1] end
        end
      end
      if name == 'data' then size = #data end
      if #data > limit then data = data:sub(1, kept) end
      taken[#taken + 1] = {id, {name:sub(1, kept), data}, size}
    else
      taken[#taken + 1] = {id, fields}
    end
  elseif #redis.call('XRANGE', KEYS[1], id, id) == 0 then
    taken[#taken + 1] = {id, false}
  end
end
return taken
"""


class Batch(NamedTuple):
    """Entries of one stream that are processed together.

    Attributes:
        position: index of the stream in ``keys.CHANNELS``.
        entries: as sent by Redis, pairs of ID and fields: alternating names and values.
        idle_ms: for redelivered entries, the time since their last delivery, by ID; empty for new
            ones.
        given_up: IDs of entries that were delivered too often, and were not read again.
    """

    position: int
    entries: Sequence[Any]
    idle_ms: dict[bytes, int] = {}
    given_up: Sequence[bytes] = ()


class _Pending(NamedTuple):
    """An entry that was delivered and never acknowledged."""

    position: int
    entry_id: bytes
    idle_ms: int
    deliveries: int
    is_ours: bool


class PendingClaims:
    """Claims pending entries for one consumer of the group.

    Args:
        client: of the streams' server or cluster.
        name: the consumer.
        batch_size: maximum number of entries claimed at once.
    """

    def __init__(self, client: Any, name: str, batch_size: int) -> None:
        self._client = client
        self._name = name
        self._batch_size = batch_size

    def next_batches(self) -> list[Batch]:
        """The next entries, those delivered least often first; empty if there are none.

        Raises:
            redis.RedisError: Redis does not answer, or a shard does not accept writes.
        """
        pending = self._pending()
        if pending:
            self._probe_shards()
        exhausted = [entry for entry in pending if entry.deliveries >= MAXIMUM_DELIVERIES]
        if exhausted:
            return self._give_up(exhausted)
        return self._claim(_next_group(pending, self._batch_size))

    def _pending(self) -> list[_Pending]:
        """Our pending entries, as we process none at the moment, and those others hold too long."""
        with self._client.pipeline(transaction=False) as pipeline:
            for channel in keys.CHANNELS:
                group = (channel, keys.CONSUMER_GROUP)
                pipeline.xpending_range(*group, "-", "+", LISTED, self._name)
                pipeline.xpending_range(*group, "-", "+", LISTED, idle=CLAIM_IDLE_MS)
            answers = pipeline.execute()
        found = {}
        for number, answer in enumerate(answers):
            for row in answer:
                entry = self._as_pending(number // 2, row)
                found[entry.position, entry.entry_id] = entry
        return list(found.values())

    def _probe_shards(self) -> None:
        """Writes to every shard: one that refuses writes is as good as down."""
        with self._client.pipeline(transaction=False) as pipeline:
            for shard in range(keys.SHARD_COUNT):
                pipeline.set(keys.shard_probe(shard), 1, ex=PROBE_SECONDS)
            pipeline.execute()

    def _as_pending(self, position: int, row: dict[str, Any]) -> _Pending:
        is_ours = row["consumer"] == self._name.encode()
        idle_ms, deliveries = row["time_since_delivered"], row["times_delivered"]
        return _Pending(position, row["message_id"], idle_ms, deliveries, is_ours)

    def _claim(self, group: list[_Pending]) -> list[Batch]:
        parts = _by_stream_and_owner(group)
        room = BUDGET_BYTES // max(1, len(parts))
        with self._client.pipeline(transaction=False) as pipeline:
            for (position, is_ours), entries in parts.items():
                # Not eval(), which redis-py forbids in pipelines of a cluster.
                pipeline.execute_command(
                    "EVAL",
                    _CLAIM,
                    1,
                    keys.CHANNELS[position],
                    *(keys.CONSUMER_GROUP, self._name, 0 if is_ours else CLAIM_IDLE_MS),
                    *(room, MAXIMUM_PAYLOAD_BYTES, KEPT_BYTES),
                    *(entry.entry_id for entry in entries),
                )
            answers = pipeline.execute()
        return [
            Batch(position, [_entry(*taken) for taken in answer], _idle_times(entries))
            for ((position, _), entries), answer in zip(parts.items(), answers, strict=True)
            if answer
        ]

    def _give_up(self, exhausted: list[_Pending]) -> list[Batch]:
        """Claims them without reading, so that two collectors do not set aside the same entries."""
        parts = _by_stream_and_owner(exhausted)
        with self._client.pipeline(transaction=False) as pipeline:
            for (position, is_ours), entries in parts.items():
                pipeline.xclaim(
                    keys.CHANNELS[position],
                    keys.CONSUMER_GROUP,
                    self._name,
                    0 if is_ours else CLAIM_IDLE_MS,
                    [entry.entry_id for entry in entries],
                    justid=True,
                )
            answers = pipeline.execute()
        return [
            Batch(position, [], given_up=answer)
            for (position, _), answer in zip(parts, answers, strict=True)
            if answer
        ]


def _next_group(pending: list[_Pending], batch_size: int) -> list[_Pending]:
    """The entries delivered least often, as many as may be read together."""
    fewest = min((entry.deliveries for entry in pending), default=0)
    alike = [entry for entry in pending if entry.deliveries == fewest]
    return alike[: batch_size if fewest <= 1 else GROUP_SIZES.get(fewest, 1)]


def _by_stream_and_owner(entries: Iterable[_Pending]) -> dict[tuple[int, bool], list[_Pending]]:
    parts: dict[tuple[int, bool], list[_Pending]] = defaultdict(list)
    for entry in entries:
        parts[entry.position, entry.is_ours].append(entry)
    return parts


def _idle_times(entries: Iterable[_Pending]) -> dict[bytes, int]:
    return {entry.entry_id: entry.idle_ms for entry in entries}


def _entry(
    entry_id: bytes, fields: list[bytes] | None, whole_bytes: int = 0
) -> tuple[bytes, list[bytes] | None]:
    """The entry as sent by Redis, except for data that the script cut short."""
    if fields and whole_bytes > len(fields[1]):
        fields = [fields[0], CutPayload(fields[1], whole_bytes)]
    return entry_id, fields
