"""How many entries are read at once: many small ones, few large ones, few after a silence."""

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.ingest.read_size import BUDGET_BYTES, FIRST_COUNT, ReadSize

MAXIMUM = 5_000
STREAMS = 6
MEBIBYTE = 1024 * 1024


def full_reads(size: ReadSize, entry_bytes: int, reads: int) -> list[int]:
    """The counts of so many reads of one stream that is never empty."""
    counts = []
    for _ in range(reads):
        counts.append(size.count)
        size.note(size.count, size.count, size.count * entry_bytes)
    return counts


def test_it_doubles_while_small_entries_keep_coming() -> None:
    counts = full_reads(ReadSize(MAXIMUM, STREAMS), 250, 10)
    assert counts[:4] == [16, 32, 64, 128]
    assert counts[-1] == MAXIMUM


def test_a_silence_makes_it_small_at_once() -> None:
    size = ReadSize(MAXIMUM, STREAMS)
    full_reads(size, 250, 10)
    size.note(0, 0, 0)
    assert size.count == FIRST_COUNT


def test_a_small_read_halves_it_as_the_first_of_a_burst_has_one_entry() -> None:
    size = ReadSize(MAXIMUM, STREAMS)
    full_reads(size, 250, 6)
    size.note(125, 250, 250 * 250)
    before = size.count
    size.note(1, 1, 250)
    assert size.count == before // 2
    assert size.count >= 125, "enough for the rest of the next burst"
    assert not size.was_full


def test_large_entries_make_it_small_and_small_ones_large_again() -> None:
    size = ReadSize(MAXIMUM, STREAMS)
    full_reads(size, 250, 10)
    size.note_excess(2 * BUDGET_BYTES)
    assert size.count == FIRST_COUNT
    assert full_reads(size, MEBIBYTE, 5)[-1] == BUDGET_BYTES // (STREAMS * MEBIBYTE)
    assert full_reads(size, 250, 20)[-1] == MAXIMUM


def test_one_large_entry_among_many_does_not_slow_all_down() -> None:
    size = ReadSize(MAXIMUM, STREAMS)
    full_reads(size, 250, 10)
    size.note(MAXIMUM, MAXIMUM, MAXIMUM * 250 + MEBIBYTE)
    assert size.count == MAXIMUM


def test_the_maximum_may_be_one() -> None:
    assert set(full_reads(ReadSize(1, STREAMS), 250, 5)) == {1}


@given(st.lists(st.tuples(st.integers(0, MAXIMUM), st.integers(0, 10**9)), max_size=30))
def test_it_asks_for_something_and_never_for_too_much(reads: list[tuple[int, int]]) -> None:
    size = ReadSize(MAXIMUM, STREAMS)
    for entries, total in reads:
        size.note(entries, entries, total)
        assert 1 <= size.count <= MAXIMUM
