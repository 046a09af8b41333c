"""The outbox of a shard: holds a tick's outcome from its commit until it is delivered."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from sessions_app.outcomes.part import Part, ScoredTick

VERSION = 4
# The version of the release before, written whenever it can represent the outcome.
FIXED_VERSION = 3
# Names of its parts.
METRICS, LAST_SEEN, ENDS = "metrics", "signs of life", "ends"
POLLS, ANOMALIES = "polls", "anomalies"
_FIXED = {METRICS, LAST_SEEN, ENDS, POLLS, ANOMALIES}

_pack = msgspec.msgpack.Encoder().encode
_NOTHING = msgspec.Raw(_pack([]))
_unpack_version = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_unpack = msgspec.msgpack.Decoder(tuple[int, int, dict[str, bytes]]).decode
_Fixed = tuple[int, int, msgspec.Raw, bytes, msgspec.Raw, msgspec.Raw, msgspec.Raw, bytes]
_unpack_fixed = msgspec.msgpack.Decoder(_Fixed).decode
_unpack_metrics = msgspec.msgpack.Decoder(tuple[msgspec.Raw, bytes]).decode
_unpack_number = msgspec.msgpack.Decoder(int).decode


class UnknownOutboxError(ValueError):
    """Bytes that are not an outbox of a supported version."""


class UnreadablePart(NamedTuple):
    """A part that cannot be read here: of a later release, or damaged."""

    name: str
    data: bytes
    reason: str


class Outcome(NamedTuple):
    """The outcome of a tick.

    Attributes:
        values: of the parts that have one, by name.
        unreadable: parts that could not be decoded.
    """

    tick: int
    values: dict[str, Any]
    unreadable: Sequence[UnreadablePart] = ()


def make_outcome(scored: ScoredTick, parts: Sequence[Part]) -> Outcome:
    """What a scored tick leads to, part by part."""
    produced = {part.name: part.produce(scored) for part in parts}
    values = {name: value for name, value in produced.items() if value is not None}
    return Outcome(scored.windows.tick, values)


def encode_outcome(outcome: Outcome, parts: Sequence[Part]) -> bytes:
    """The outcome as bytes for :func:`decode_outcome`, in the oldest version that can hold it."""
    encoded = {
        part.name: part.encode(outcome.values[part.name])
        for part in parts
        if part.name in outcome.values
    }
    if encoded.keys() <= _FIXED:
        return _pack(_fixed(outcome.tick, encoded))
    return _pack((VERSION, outcome.tick, encoded))


def decode_outcome(data: bytes, parts: Sequence[Part]) -> Outcome:
    """The outcome that :func:`encode_outcome` wrote, in this release or the one before.

    Raises:
        UnknownOutboxError: other bytes.
    """
    try:
        tick, encoded = _unpacked(data)
    except (msgspec.MsgspecError, IndexError) as error:
        raise UnknownOutboxError(str(error)) from error
    known = {part.name: part for part in parts}
    values, unreadable = {}, []
    for name, blob in encoded.items():
        try:
            values[name] = known[name].decode(blob)
        except KeyError:
            unreadable.append(UnreadablePart(name, blob, "not a part of this release"))
        except ValueError as error:
            unreadable.append(UnreadablePart(name, blob, str(error)))
    return Outcome(tick, values, unreadable)


def _unpacked(data: bytes) -> tuple[int, dict[str, bytes]]:
    version = _unpack_number(_unpack_version(data)[0])
    if version == VERSION:
        _, tick, encoded = _unpack(data)
        return tick, encoded
    if version != FIXED_VERSION:
        raise UnknownOutboxError(f"an outbox of version {version}")
    _, tick, external_ids, metrics, last_seen, ends, polls, anomalies = _unpack_fixed(data)
    fixed = {
        METRICS: _pack((external_ids, metrics)) if metrics else b"",
        LAST_SEEN: b"" if last_seen == _NOTHING else bytes(last_seen),
        ENDS: b"" if ends == _NOTHING else bytes(ends),
        POLLS: b"" if polls == _NOTHING else bytes(polls),
        ANOMALIES: anomalies,
    }
    return tick, {name: blob for name, blob in fixed.items() if blob}


def _fixed(tick: int, encoded: dict[str, bytes]) -> tuple[Any, ...]:
    external_ids, metrics = _NOTHING, b""
    if METRICS in encoded:
        external_ids, metrics = _unpack_metrics(encoded[METRICS])
    last_seen, ends, polls = (
        msgspec.Raw(encoded[name]) if name in encoded else _NOTHING
        for name in (LAST_SEEN, ENDS, POLLS)
    )
    anomalies = encoded.get(ANOMALIES, b"")
    return FIXED_VERSION, tick, external_ids, metrics, last_seen, ends, polls, anomalies
