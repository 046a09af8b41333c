"""What is done for a shard that fails again and again: what it may be failing on is set aside.

After each few failures in the same stage the next remedy for that stage is tried, the one that
costs least first. Every one of them is tried once, also one that fails itself; a shard that still
fails is told of and left alone, and goes on as soon as a worker can score it.
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
from sessions_app.shards.quarantine import keep_pieces, set_aside_key, tell_set_aside
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import Failure, note_treated, read_failures
from sessions_app.telemetry.shard_seconds import MOST_AT_FAULT

logger = logging.getLogger(__name__)

# A quarter of a minute: no accident, and less than the minute that the windows hold.
REPEATS = 3
# Of the platform's IDs, as the database keeps them.
LONGEST_ID = 255
STORE = "store"

WINDOWS = "windows"
DETECTOR = "detector"
OUTBOX = "outbox"
STATE = "state"
BLOCKS = "blocks"


class Case(NamedTuple):
    """A shard that fails.

    Attributes:
        client: of the server of ``REDIS_URL``.
        node: of the server that has the shard.
        shard: its number; its lock is held.
        failure: how it has failed of late.
    """

    client: "redis.Redis"
    node: "redis.Redis"
    shard: int
    failure: Failure

    def set_aside(self, key: str, what: str) -> bool:
        """Takes a key out of the shard; False where there is none."""
        return set_aside_key(self.node, self.shard, key, what)

    def tell(self, what: str, count: int) -> None:
        """Counts, notes and logs what was taken out."""
        tell_set_aside(self.client, self.shard, what, count, self.failure.reason)


# Says whether it has done anything.
Remedy = Callable[[Case], bool]


def is_due(failure: Failure) -> bool:
    """Whether the shard has failed so often that something is to be done first."""
    return failure.count % REPEATS == 0 and failure.treated != failure.count


def is_piecewise(failure: Failure) -> bool:
    """Whether results are to be stored in pieces, so that one that cannot be costs only itself."""
    return failure.stage == STORE and failure.count >= REPEATS


def apply_remedy(client: "redis.Redis", shard: int, failure: Failure) -> None:
    """Sets aside what the shard may be failing on, if it is time for it.

    Args:
        client: of the server of ``REDIS_URL``.
        shard: whose lock is held.
        failure: how it has failed of late.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    if not is_due(failure):
        return
    # Before: one that kills its process, or is followed by an outage, is not tried again.
    note_treated(client, shard, failure)
    case = Case(client, shard_client(client, shard), shard, failure)
    for remedy in _LADDERS.get(failure.stage, ())[failure.count // REPEATS - 1 :]:
        if remedy in _DRASTIC and len(read_failures(client)) > MOST_AT_FAULT:
            return  # it is nothing of this shard
        if _has_done(remedy, case):
            return


def _has_done(remedy: Remedy, case: Case) -> bool:
    """Whether a remedy has done anything; one that fails has not, and the next one follows."""
    try:
        return remedy(case)
    except SoftTimeLimitExceeded:
        raise  # it was only slow
    except Exception as error:
        if is_outage(error):
            raise
        log_failure(logger, "A remedy has failed", error)
        return False


def _store_in_pieces(_: Case) -> bool:
    return True  # by the worker, see is_piecewise()


def _set_detector_aside(case: Case) -> bool:
    if not case.set_aside(keys.shard_detector(case.shard), DETECTOR):
        return False
    case.tell(DETECTOR, 1)
    return True


def _set_outbox_aside(case: Case) -> bool:
    if not case.set_aside(keys.shard_outbox(case.shard), OUTBOX):
        return False
    case.tell(OUTBOX, 1)
    return True


def _set_state_aside(case: Case) -> bool:
    """All that the shard remembers but the number of the tick; it is rebuilt from the metrics."""
    state = [name(case.shard) for name in keys.SHARD_STATE]
    found = [case.set_aside(key, keys.part_of_shard(key)) for key in state]
    if any(found):
        case.tell(STATE, 1)
    return any(found)


def _set_bad_blocks_aside(case: Case) -> bool:
    """Blocks of the tick, and late ones, that cannot be read or say what nobody can have said."""
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
        case.tell(BLOCKS, found)
    return found > 0


def _set_all_blocks_aside(case: Case) -> bool:
    parts = {
        f"{BLOCKS}-of-a-tick": keys.arrivals(case.shard, case.failure.tick),
        f"late-{BLOCKS}": keys.late_arrivals(case.shard),
    }
    found = sum(case.set_aside(key, what) for what, key in parts.items())
    if found:
        case.tell(f"{BLOCKS}-of-a-tick", found)
    return found > 0


def _is_bad(blob: bytes) -> bool:
    try:
        block = decode_block(blob)
    except NewerBlockError:
        return False  # the workers of that version can read it
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


_LADDERS: dict[str, tuple[Remedy, ...]] = {
    "load": (_set_state_aside,),
    "rekey": (_set_state_aside,),
    STORE: (_store_in_pieces, _set_outbox_aside),
    "publish": (_set_outbox_aside,),
    "read": (_set_bad_blocks_aside, _set_all_blocks_aside, _set_state_aside),
    "place": (_set_bad_blocks_aside, _set_all_blocks_aside, _set_state_aside),
    "tables": (_set_bad_blocks_aside, _set_state_aside, _set_all_blocks_aside),
    "advance": (_set_bad_blocks_aside, _set_state_aside, _set_all_blocks_aside),
    "score": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
    "detect": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
    "commit": (_set_detector_aside, _set_state_aside, _set_all_blocks_aside),
}
# They cost more than what is bad. Where most shards fail at once, they would help none.
_DRASTIC = (_set_outbox_aside, _set_state_aside, _set_all_blocks_aside)
