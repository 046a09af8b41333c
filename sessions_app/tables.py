"""Packed per-session tables: many sessions' tables as one array, and back to one blob a session."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Table(NamedTuple):
    """Records of several sessions.

    Attributes:
        rows: the session of each record, as a position in whatever the caller counts sessions by.
        records: structured array of the same length.
    """

    rows: NDArray[np.int64]
    records: NDArray[np.void]


def unpack_table(rows: NDArray[np.int64], blobs: list[bytes | None], dtype: np.dtype) -> Table:
    """Joins the blobs of the sessions ``rows``; None is an empty one."""
    present = [blob or b"" for blob in blobs]
    lengths = np.array([len(blob) // dtype.itemsize for blob in present], dtype=np.int64)
    records = np.frombuffer(b"".join(present), dtype).copy()
    return Table(np.repeat(rows, lengths), records)


def pack_table(table: Table, rows: NDArray[np.int64]) -> list[bytes]:
    """One blob for each of ``rows``, which must be sorted and hold all rows of the table."""
    by_row = np.argsort(table.rows, kind="stable")
    data = table.records[by_row].tobytes()
    size = table.records.dtype.itemsize
    ends = (np.searchsorted(table.rows[by_row], rows, side="right") * size).tolist()
    return [data[start:end] for start, end in pairwise([0, *ends])]


def append(table: Table, rows: NDArray[np.int64], records: NDArray[np.void]) -> Table:
    """The table with more records."""
    return Table(np.concatenate([table.rows, rows]), np.concatenate([table.records, records]))


def positions_of(
    sorted_keys: NDArray[np.uint64], keys: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each of ``keys`` stands in ``sorted_keys``, and whether it does."""
    positions = np.searchsorted(sorted_keys, keys)
    inside = np.minimum(positions, len(sorted_keys) - 1)
    found = sorted_keys[inside] == keys if len(sorted_keys) else np.zeros(len(keys), dtype=np.bool_)
    return inside, found
