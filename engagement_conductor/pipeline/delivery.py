"""Delivers the outcome of a tick: stores, publishes and shows it, then empties the outbox."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from dashboard.live.sinks import show
from engagement_conductor.pipeline.outcome_parts import PARTS
from engagement_conductor.pipeline.turn import Turn
from sessions_app.outcomes.addresses import Addresses
from sessions_app.outcomes.outbox import Outcome, UnknownOutboxError, decode_outcome
from sessions_app.outcomes.part import Delivery, Part
from sessions_app.outcomes.piecewise import BadPiece, Pieces
from sessions_app.redis_access import keys
from sessions_app.shards.quarantine import keep_pieces, report_set_aside
from sessions_app.shards.remedies import OUTBOX, PUBLISH, STORE
from sessions_app.telemetry.counters import LEFT_OUT, MISSED_BROADCASTS, SESSION_GONE
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import one_line

logger = logging.getLogger(__name__)

# Enough to see what is wrong with an item; a whole part may be large.
LONGEST_PIECE_BYTES = 10_000


def deliver(turn: Turn, outcome: Outcome, is_current: Callable[[], bool] = lambda: False) -> None:
    """Stores, publishes and shows an outcome, then empties the outbox.

    In pieces, a part that cannot be stored or published is set aside, and the others are delivered.

    Args:
        is_current: says whether the sessions' events have just been looked up.

    Raises:
        redis.RedisError, django.db.Error, OSError: a server does not answer; the outbox is kept.
    """
    if not outcome.values:
        return
    delivery = Delivery(
        tick=outcome.tick,
        client=turn.client,
        node=turn.node,
        event_settings=turn.caches.event_settings,
        pieces=Pieces(turn.is_piecewise),
        counters=turn.counters,
    )
    with turn.measured(STORE), transaction.atomic():
        stored = _store(turn, outcome, delivery)
    with turn.measured(PUBLISH):
        _publish(turn, outcome, stored, delivery)
    with turn.measured("broadcast"):
        _show(turn, outcome.tick, stored, is_current)
    turn.store.clear_outbox(outcome.tick)
    for part in PARTS:
        if part.name in stored:
            part.note_delivered(stored[part.name], delivery)


def deliver_waiting(turn: Turn, scored: int, outbox: bytes, epoch: str) -> None:
    """Delivers the outbox of an earlier turn, under the currently valid database keys.

    Args:
        scored: the last tick that was scored.
        outbox: as stored.
        epoch: the database epoch in which its keys are valid; empty if unknown.
    """
    turn.begin(STORE)
    try:
        outcome = decode_outcome(outbox, PARTS)
    except UnknownOutboxError as error:
        turn.set_state_aside(keys.shard_outbox(turn.shard), OUTBOX, one_line(error))
        return
    keys_hold = epoch != "" and epoch == turn.caches.current_epoch()
    values = outcome.values
    sessions = [
        pair for part in PARTS if part.name in values for pair in part.sessions(values[part.name])
    ]
    addresses = Addresses(sessions, keys_hold)
    kept: dict[str, Any] = {}
    gone = 0
    for part in PARTS:
        if part.name not in values:
            continue
        value = part.readdressed(values[part.name], addresses)
        gone += part.size(values[part.name]) - part.size(value)
        if not part.is_empty(value):
            kept[part.name] = value
    if kept:
        deliver(turn, outcome._replace(values=kept))
    else:
        turn.store.clear_outbox(scored)
    # Last, as the outbox is tried again in every round until it is delivered.
    _set_unreadable_aside(turn, outcome)
    turn.counters.add(gone, LEFT_OUT, SESSION_GONE)


def _store(turn: Turn, outcome: Outcome, delivery: Delivery) -> dict[str, Any]:
    """Stores each part; returns, by name, what is to be published and shown of it."""
    stored = {}
    for part in PARTS:
        if part.name in outcome.values:
            value = outcome.values[part.name]
            with _isolated(part, value, delivery), delivery.pieces.savepoint():
                stored[part.name] = part.store(value, delivery)
    _set_pieces_aside(turn, delivery.pieces)
    return stored


def _publish(turn: Turn, outcome: Outcome, stored: dict[str, Any], delivery: Delivery) -> None:
    for part in PARTS:
        if part.name in stored:
            with _isolated(part, outcome.values[part.name], delivery):
                part.publish(stored[part.name], delivery)
    _set_pieces_aside(turn, delivery.pieces)


@contextmanager
def _isolated(part: Part, value: Any, delivery: Delivery) -> Iterator[None]:
    """In pieces, lets a part fail without the others, unless a server does not answer."""
    try:
        yield
    except Exception as error:
        is_general = isinstance(error, SoftTimeLimitExceeded) or is_outage(error)
        if is_general or not delivery.pieces.are_separate:
            raise
        delivery.pieces.bad.append(BadPiece(part.name, part.encode(value), error))


def _set_pieces_aside(turn: Turn, pieces: Pieces) -> None:
    if not (bad := pieces.take_bad()):
        return
    for what, piece, error in bad:
        text = f"{what}: {one_line(error)}: {piece!r}"
        kept = text.encode(errors="replace")[:LONGEST_PIECE_BYTES]
        keep_pieces(turn.node, turn.shard, "results", [kept])
    report_set_aside(turn.client, turn.shard, "results", len(bad), one_line(bad[0].error))


def _set_unreadable_aside(turn: Turn, outcome: Outcome) -> None:
    for part in outcome.unreadable:
        keep_pieces(turn.node, turn.shard, "results", [part.name.encode() + b": " + part.data])
    if outcome.unreadable:
        reason = f"{outcome.unreadable[0].name}: {outcome.unreadable[0].reason}"
        report_set_aside(turn.client, turn.shard, "results", len(outcome.unreadable), reason)


def _show(turn: Turn, tick: int, stored: dict[str, Any], is_current: Callable[[], bool]) -> None:
    """Best effort: a page that misses a tick gets the next one and requests the gap."""
    caches = turn.caches
    try:
        show(turn.client, tick, stored, caches.event_settings, caches.pauses, is_current())
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 - scoring must not depend on pages
        turn.counters.add(1, MISSED_BROADCASTS)
        log_failure(logger, "Ticks did not reach the open pages", error)
