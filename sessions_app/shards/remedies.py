"""Remedies for a shard that fails repeatedly: what it may be failing on is set aside.

After every few failures in the same stage, the next remedy for that stage is tried, the cheapest
first. Each is tried once, even if it fails itself. A shard that still fails is reported and left
alone; it continues as soon as a worker can score it.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import redis
from celery.exceptions import SoftTimeLimitExceeded

from sessions_app.events.blocks import BadBlockError, NewerBlockError, decode_block
from sessions_app.events.decoding import EventKind
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import shard_client
from sessions_app.shards.quarantine import keep_pieces, report_set_aside, set_aside_key
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import Failure, note_treated, read_failures
from sessions_app.telemetry.shard_seconds import MAXIMUM_FAULTY_SHARDS

logger = logging.getLogger(__name__)

# A quarter of a minute: not an accident, and less than the minute that windows cover.
REPEATS = 3
# Maximum length of the platform's IDs in the database.
LONGEST_ID = 255
STORE, PUBLISH = "store", "publish"

WINDOWS = "windows"
DETECTOR = "detector"
OUTBOX = "outbox"
STATE = "state"
BLOCKS = "blocks"


class Case(NamedTuple):
    """A shard that fails.

    Attributes:
        client: of the server of ``REDIS_URL``.
        node: the node with the shard.
        shard: its number; the caller holds its lock.
        failure: its recent failures.
    """

    client: "redis.Redis"
    node: "redis.Redis"
    shard: int
    failure: Failure

    def set_aside(self, key: str, what: str) -> bool:
        """Sets aside a key of the shard; False if it does not exist."""
        return set_aside_key(self.node, self.shard, key, what)

    def report(self, what: str, count: int) -> None:
        """Counts, records and logs what was set aside."""
        report_set_aside(self.client, self.shard, what, count, self.failure.reason)


# Returns whether it did anything.
Remedy = Callable[[Case], bool]


def is_due(failure: Failure) -> bool:
    """Whether the shard has failed so often that a remedy is due."""
    return failure.count % REPEATS == 0 and failure.treated != failure.count


def is_piecewise(failure: Failure) -> bool:
    """Whether to deliver results in pieces, so that a bad one costs only itself."""
    return failure.stage in (STORE, PUBLISH) and failure.count >= REPEATS


def apply_remedy(client: "redis.Redis", shard: int, failure: Failure) -> None:
    """Sets aside what the shard may be failing on, if a remedy is due.

    Args:
        client: of the server of ``REDIS_URL``.
        shard: its number; the caller holds its lock.
        failure: its recent failures.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    if not is_due(failure):
        return
    # Recorded first, so that a remedy that kills its process or meets an outage is not repeated.
    note_treated(client, shard, failure)
    case = Case(client, shard_client(client, shard), shard, failure)
    for remedy in _REMEDIES_BY_STAGE.get(failure.stage, ())[failure.count // REPEATS - 1 :]:
        if remedy in _DRASTIC and len(read_failures(client)) > MAXIMUM_FAULTY_SHARDS:
            return  # the cause is not this shard
        if _apply(remedy, case):
            return


def _apply(remedy: Remedy, case: Case) -> bool:
    """Whether a remedy did anything; one that fails did not, and the next one is tried."""
    try:
        return remedy(case)
    except SoftTimeLimitExceeded:
        raise  # the remedy was merely slow
    except Exception as error:
        if is_outage(error):
            raise
        log_failure(logger, "A remedy failed", error)
        return False


def _deliver_in_pieces(_: Case) -> bool:
    return True  # by the worker, see is_piecewise()


def _set_detector_aside(case: Case) -> bool:
    if not case.set_aside(keys.shard_detector(case.shard), DETECTOR):
        return False
    case.report(DETECTOR, 1)
    return True


def _set_outbox_aside(case: Case) -> bool:
    if not case.set_aside(keys.shard_outbox(case.shard), OUTBOX):
        return False
    case.report(OUTBOX, 1)
    return True


def _set_state_aside(case: Case) -> bool:
    """Sets aside all state except the tick number; it is rebuilt from the metrics."""
    state = [name(case.shard) for name in keys.SHARD_STATE]
    found = [case.set_aside(key, keys.part_of_shard(key)) for key in state]
    if any(found):
        case.report(STATE, 1)
    return any(found)


def _set_bad_blocks_aside(case: Case) -> bool:
    """Sets aside blocks of the tick, and late ones, that are unreadable or have invalid values."""
    found = 0
    for key in (keys.arrivals(case.shard, case.failure.tick), keys.late_arrivals(case.shard)):
        if case.node.type(key) != b"list":
            found += case.set_aside(key, f"{BLOCKS}-of-another-type")
            continue
        bad = [blob for blob in case.node.lrange(key, 0, -1) if _is_bad(blob)]
        if bad:
            keep_pieces(case.node, case.shard, BLOCKS, bad)
            for blob in bad:
                case.node.lrem(key, 0, blob)
        found += len(bad)
    if found:
        case.report(BLOCKS, found)
    return found > 0


def _set_all_blocks_aside(case: Case) -> bool:
    parts = {
        f"{BLOCKS}-of-a-tick": keys.arrivals(case.shard, case.failure.tick),
        f"late-{BLOCKS}": keys.late_arrivals(case.shard),
    }
    found = sum(case.set_aside(key, what) for what, key in parts.items())
    if found:
        case.report(f"{BLOCKS}-of-a-tick", found)
    return found > 0


def _is_bad(blob: bytes) -> bool:
    try:
        block = decode_block(blob)
    except NewerBlockError:
        return False  # workers of that release can read it
    except BadBlockError:
        return True
    ids = [name for mention in block.mentions for name in mention if name is not None]
    ids += [poll.poll_id for poll in block.polls]
    return not (
        all(map(_can_be_an_id, ids))
        and all(mention.session_id for mention in block.mentions)
        and np.isin(block.events["kind"], [*EventKind]).all()
    )


def _can_be_an_id(text: str) -> bool:
    return len(text) <= LONGEST_ID and "\0" not in text


_REMEDIES_BY_STAGE: dict[str, tuple[Remedy, ...]] = {
    "load": (_set_state_aside,),
    "rekey": (_set_state_aside,),
    STORE: (_deliver_in_pieces, _set_outbox_aside),
    PUBLISH: (_deliver_in_pieces, _set_outbox_aside),
    "read": (_set_bad_blocks_aside, _set_all_blocks_aside, _set_state_aside),
    "place": (_set_bad_blocks_aside, _set_all_blocks_aside, _set_state_aside),
    "tables": (_set_bad_blocks_aside, _set_state_aside, _set_all_blocks_aside),
    "advance": (_set_bad_blocks_aside, _set_state_aside, _set_all_blocks_aside),
    "score": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
    "detect": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
    "commit": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
}
# These cost more than the bad part. If most shards fail at once, they would not help.
_DRASTIC = (_set_outbox_aside, _set_state_aside, _set_all_blocks_aside)
