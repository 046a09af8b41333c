"""Packed per-session tables: many sessions' tables as one array, and one blob per session.

A blob is a header and records. The header has the version of the records and their checksum, so
that an unreadable blob is recognised. Its session loses that table; no other session is affected.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]

MAGIC = b"\xectb"
# Magic, version, and CRC-32 of the rest.
_HEADER = struct.Struct("<3sBI")


class BadTableError(ValueError):
    """Bytes that are not a table of the expected kind; the message says why."""


class Form(NamedTuple):
    """How tables of one kind are stored.

    Attributes:
        kind: its name, for people and counters.
        version: of the records, 0 to 255.
        dtype: of the records.
        is_sound: returns which records have possible values; a table with others is lost.
        read_bare: reads a blob of the release that wrote no headers, or raises ValueError; None if
            there was no such release.
    """

    kind: str
    version: int
    dtype: np.dtype
    is_sound: Callable[[Records], NDArray[np.bool_]]
    read_bare: Callable[[bytes], Records] | None = None


class Table(NamedTuple):
    """Records of several sessions.

    Attributes:
        rows: the session of each record, as an index into the caller's sessions.
        records: structured array of the same length.
    """

    rows: NDArray[np.int64]
    records: Records

    def without(self, rows: NDArray[np.int64]) -> "Table":
        """The table without the records of the sessions ``rows``."""
        kept = ~np.isin(self.rows, rows)
        return Table(self.rows[kept], self.records[kept])


class LostTable(NamedTuple):
    """A table that is unreadable or missing.

    Attributes:
        kind: of its :class:`Form`.
        row: its session, as in :class:`Table`; -1 if it belongs to the whole shard.
        reason: what is wrong with it.
        data: the whole blob; empty if it is missing.
    """

    kind: str
    row: int
    reason: str
    data: bytes


class Unpacked(NamedTuple):
    """Tables, without those that were lost, and the lost ones."""

    table: Table
    lost: list[LostTable]


def empty_table(dtype: np.dtype) -> Table:
    """A table without records."""
    return Table(np.zeros(0, np.int64), np.zeros(0, dtype))


def is_bare(blob: bytes) -> bool:
    """Whether the blob has no header, as written by the release before headers."""
    return not blob.startswith(MAGIC)


def unpack_table(rows: NDArray[np.int64], blobs: Sequence[bytes | None], form: Form) -> Unpacked:
    """Joins the blobs of the sessions ``rows``, which are sorted; None means an empty table."""
    parts: list[bytes] = []
    lost = []
    for row, blob in zip(rows.tolist(), blobs, strict=True):
        part = b""
        if blob:
            try:
                part = _packed_records(blob, form)
            except BadTableError as error:
                lost.append(LostTable(form.kind, row, str(error), blob))
        parts.append(part)
    lengths = [len(part) // form.dtype.itemsize for part in parts]
    # Joined in a bytearray, as an array over bytes is read-only.
    records = np.frombuffer(bytearray().join(parts), form.dtype)
    unpacked = Unpacked(Table(np.repeat(rows, lengths), records), lost)
    return _without_impossible(unpacked, rows, blobs, form)


def pack_table(table: Table, rows: NDArray[np.int64], form: Form) -> list[bytes]:
    """One blob for each of ``rows``, which must be sorted and contain all rows of the table.

    The blob of an empty table is empty.
    """
    table = in_order(table)
    data = table.records.tobytes()
    ends = np.searchsorted(table.rows, rows, side="right") * form.dtype.itemsize
    return [_with_header(data[start:end], form) for start, end in pairwise([0, *ends.tolist()])]


def append(table: Table, rows: NDArray[np.int64], records: Records) -> Table:
    """The table with these records appended; the same object if there are none."""
    if not len(rows):
        return table
    return Table(np.concatenate([table.rows, rows]), np.concatenate([table.records, records]))


def in_order(table: Table) -> Table:
    """The table stably sorted by session."""
    if not (table.rows[1:] < table.rows[:-1]).any():
        return table
    by_row = np.argsort(table.rows, kind="stable")
    return Table(table.rows[by_row], table.records[by_row])


def positions_of(
    sorted_keys: NDArray[np.integer[Any]], keys: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The index of each of ``keys`` in ``sorted_keys``, and whether it is there at all."""
    positions = np.searchsorted(sorted_keys, keys)
    inside = np.minimum(positions, len(sorted_keys) - 1)
    found = sorted_keys[inside] == keys if len(sorted_keys) else np.zeros(len(keys), dtype=np.bool_)
    return inside, found


def ranks(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each element, how many equal ones precede it; ``rows`` must be sorted."""
    preceding: NDArray[np.int64] = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return preceding


def _with_header(data: bytes, form: Form) -> bytes:
    return _header(data, form) + data if data else b""


def _header(data: bytes, form: Form) -> bytes:
    return _HEADER.pack(MAGIC, form.version, zlib.crc32(data))


def _packed_records(blob: bytes, form: Form) -> bytes:
    """The records in a blob, as bytes of the form's type."""
    # Slicing is faster than a memoryview, unless the blob is very long.
    data = blob[_HEADER.size :]
    if _header(data, form) != blob[: _HEADER.size]:
        return _records_otherwise(blob, form)
    if len(data) % form.dtype.itemsize:
        raise BadTableError(f"{len(blob)} bytes")
    return data


def _records_otherwise(blob: bytes, form: Form) -> bytes:
    """The records of a blob without the current header."""
    if is_bare(blob):
        return _bare_records(blob, form)
    if len(blob) < _HEADER.size:
        raise BadTableError(f"{len(blob)} bytes")
    _, version, _ = _HEADER.unpack_from(blob)
    raise BadTableError("wrong checksum" if version == form.version else f"version {version}")


def _bare_records(blob: bytes, form: Form) -> bytes:
    if form.read_bare is None:
        raise BadTableError("no header")
    try:
        return form.read_bare(blob).tobytes()
    except ValueError as error:
        raise BadTableError(f"no header, and {len(blob)} bytes") from error


def _without_impossible(
    unpacked: Unpacked, rows: NDArray[np.int64], blobs: Sequence[bytes | None], form: Form
) -> Unpacked:
    """Moves tables with impossible records to the lost ones."""
    table, lost = unpacked
    sound = form.is_sound(table.records)
    if sound.all():
        return unpacked
    bad = np.unique(table.rows[~sound])
    for row, index in zip(bad.tolist(), np.searchsorted(rows, bad).tolist(), strict=True):
        lost.append(LostTable(form.kind, row, "impossible numbers", blobs[index] or b""))
    return Unpacked(table.without(bad), lost)


Identities = NDArray[np.uint64]

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)


def combine(values: Identities, salts: Identities) -> Identities:
    """One identity for each pair, equal for equal pairs and never 0.

    Applies the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) to ``values`` mixed
    with ``salts``. The probability of a collision among n pairs is about n**2 / 2**65.
    """
    mixed = values ^ ((salts + np.uint64(1)) * _GOLDEN_RATIO)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    combined: Identities = np.maximum(mixed ^ (mixed >> np.uint64(31)), np.uint64(1))
    return combined
