"""Payloads that are too large: cut, and still as long as they were."""

from sessions_app.events.decoding import MAXIMUM_PAYLOAD_BYTES
from sessions_app.events.excerpts import CutPayload, beginning, cut_if_too_large


def test_what_counts_is_whole() -> None:
    largest = b"x" * 65_536
    assert len(largest) == MAXIMUM_PAYLOAD_BYTES
    assert cut_if_too_large(largest) is largest


def test_what_is_too_large_keeps_its_beginning_and_its_length() -> None:
    data = bytes(range(256)) * 257
    cut = cut_if_too_large(data)
    assert len(cut) == len(data) == 65_792
    assert bytes(cut[:9_000]) == data[:8_192]
    assert len(cut_if_too_large(b"x" * 65_537)) == 65_537
    assert isinstance(cut_if_too_large(b"x" * 65_537), CutPayload)


def test_a_dead_letter_keeps_eight_kibibytes() -> None:
    short = b"x" * 8_192
    assert beginning(short) is short
    long = beginning(b"y" * 8_193)
    assert (len(long), bytes(long[:9_000])) == (8_193, b"y" * 8_192)


def test_what_is_cut_already_may_be_cut_again() -> None:
    again = CutPayload(CutPayload(b"z" * 100_000, 100_000), 100_000)
    assert (len(again), bytes(again[:9_000])) == (100_000, b"z" * 8_192)
