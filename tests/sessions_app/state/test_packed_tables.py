"""Packed tables: what they are read as, and that one which cannot be read stands alone."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.state.packed_tables import (
    MAGIC,
    Form,
    Table,
    combine,
    in_order,
    pack_table,
    ranks,
    unpack_table,
)

RECORD = np.dtype([("value", "<u8"), ("flag", "u1")])
OLD_RECORD = np.dtype([("value", "<u8")])


def read_bare(data: bytes) -> np.ndarray:
    old = np.frombuffer(data, OLD_RECORD)
    records = np.zeros(len(old), RECORD)
    records["value"] = old["value"]
    return records


FORM = Form("things", 3, RECORD, lambda records: records["flag"] < 9, read_bare)
WITHOUT_PAST = FORM._replace(read_bare=None)
contents = st.dictionaries(
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 8)), max_size=5),
)


def packed(*values: int, form: Form = FORM) -> bytes:
    records = np.zeros(len(values), RECORD)
    records["value"] = values
    return pack_table(Table(np.zeros(len(values), np.int64), records), np.zeros(1, np.int64), form)[
        0
    ]


def values_by_row(table: Table) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row, value in zip(table.rows.tolist(), table.records["value"].tolist(), strict=True):
        found.setdefault(row, []).append(value)
    return found


@given(contents)
def test_tables_survive_being_packed(content: dict[int, list[tuple[int, int]]]) -> None:
    rows = np.array(sorted(content), dtype=np.int64)
    records = [np.array(content[row], RECORD) for row in rows.tolist()]
    table = Table(
        np.repeat(rows, [len(part) for part in records]),
        np.concatenate([np.zeros(0, RECORD), *records]),
    )
    shuffled = np.random.default_rng(0).permutation(len(table.rows))
    blobs = pack_table(Table(table.rows[shuffled], table.records[shuffled]), rows, FORM)
    again, lost = unpack_table(rows, blobs, FORM)
    assert not lost
    assert [blob == b"" for blob in blobs] == [not content[row] for row in rows.tolist()]
    assert sorted(zip(again.rows.tolist(), again.records.tolist(), strict=True)) == sorted(
        (row, record) for row in content for record in content[row]
    )


def test_what_is_read_can_be_written_to() -> None:
    table, _ = unpack_table(np.arange(1), [packed(1, 2)], FORM)
    table.records["value"] = 7
    assert table.records["value"].tolist() == [7, 7]


def test_what_had_no_header_is_read_as_what_it_was() -> None:
    bare = np.array([5, 6], "<u8").tobytes()
    table, lost = unpack_table(np.arange(3), [packed(1), bare, packed(2)], FORM)
    assert not lost
    assert values_by_row(table) == {0: [1], 1: [5, 6], 2: [2]}


GOOD = packed(3, 4)
HALF_A_RECORD = GOOD[8 : 8 + RECORD.itemsize // 2]
# What cannot be read, and why not.
BAD = {
    "a byte too many": (GOOD + b"x", "wrong checksum"),
    "a byte too few": (GOOD[:-1], "wrong checksum"),
    "a record too few": (GOOD[: -RECORD.itemsize], "wrong checksum"),
    "a record too many": (GOOD + GOOD[-RECORD.itemsize :], "wrong checksum"),
    "half a record": (
        struct.pack("<3sBI", MAGIC, 3, zlib.crc32(HALF_A_RECORD)) + HALF_A_RECORD,
        "12 bytes",
    ),
    "half a header": (GOOD[:5], "5 bytes"),
    "no more than a header": (GOOD[:8], "wrong checksum"),
    "no more than a magic": (MAGIC, "3 bytes"),
    "the version before": (packed(3, 4, form=FORM._replace(version=2)), "version 2"),
    "the version after": (packed(3, 4, form=FORM._replace(version=4)), "version 4"),
    "a bit turned": (GOOD[:-3] + bytes([GOOD[-3] ^ 4]) + GOOD[-2:], "wrong checksum"),
    "garbage": (b"garbage!" * 3 + b"?", "no header, and 25 bytes"),
    "a flag that cannot be": (
        pack_table(
            Table(np.zeros(1, np.int64), np.array([(1, 9)], RECORD)), np.zeros(1, np.int64), FORM
        )[0],
        "impossible numbers",
    ),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_table_costs_its_own_session_only(bad: bytes, reason: str, place: int) -> None:
    rows, blobs = np.array([4, 7, 9]), [packed(1, 2), None, packed(5)]
    blobs.insert(place, bad)
    rows = np.insert(rows, place, {0: 3, 1: 5, 2: 8}[place])
    table, lost = unpack_table(rows, blobs, FORM)
    assert lost == [("things", rows[place], reason, bad)]
    assert values_by_row(table) == {4: [1, 2], 9: [5]}


def test_all_of_them_may_be_bad() -> None:
    table, lost = unpack_table(np.arange(2), [b"x", b"y"], FORM)
    assert (len(table.rows), len(lost)) == (0, 2)


@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    for form in (FORM, WITHOUT_PAST):
        for blob in (data, MAGIC + data, GOOD[:8] + data):
            table, lost = unpack_table(np.arange(2), [blob, GOOD], form)
            assert len(lost) <= 1
            assert values_by_row(table)[1] == [3, 4]


def test_without_a_past_a_table_needs_its_header() -> None:
    _, lost = unpack_table(np.arange(1), [b"12345678"], WITHOUT_PAST)
    assert [loss.reason for loss in lost] == ["no header"]


def test_sorting_by_session_keeps_the_order_of_its_records() -> None:
    rows = np.arange(200) % 3
    records = np.zeros(200, RECORD)
    records["value"] = np.arange(200)
    found = values_by_row(in_order(Table(rows, records)))
    assert [*found] == [0, 1, 2]
    assert found == {row: [*range(row, 200, 3)] for row in range(3)}


def test_ranks_count_within_equal_rows() -> None:
    assert ranks(np.array([3, 3, 5, 5, 5, 9])).tolist() == [0, 1, 0, 1, 2, 0]


def test_identities_are_combined_by_splitmix64() -> None:
    # Its first outputs for the seed 0, as other implementations give them.
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    combined = combine(np.zeros(4, np.uint64), np.arange(4, dtype=np.uint64))
    assert combined.tolist() == expected


def test_no_identity_is_zero() -> None:
    # These two cancel each other out before anything is mixed.
    value = np.array([0x9E3779B97F4A7C15], np.uint64)
    assert combine(value, np.zeros(1, np.uint64)).tolist() == [1]
