"""Long lists are read a page at a time, each row once."""

from itertools import chain
from typing import Any

import pytest

from sessions_app.queries import pages


class Rows:
    """Numbers that can be asked as rows of a database are, and how often they were read."""

    def __init__(self, numbers: list[int], reads: list[int]) -> None:
        self.numbers = numbers
        self.reads = reads

    def __getitem__(self, some: slice) -> list[int]:
        self.reads.append(len(self.numbers[some]))
        return self.numbers[some]

    def filter(self, last: int) -> "Rows":
        return Rows([number for number in self.numbers if number > last], self.reads)


@pytest.mark.parametrize(
    ("count", "reads"),
    [(0, [0]), (1, [1]), (2, [2]), (3, [3, 0]), (4, [3, 1]), (6, [3, 3, 0]), (7, [3, 3, 1])],
)
async def test_every_row_comes_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch, count: int, reads: list[int]
) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", 3)
    rows: Any = Rows(list(range(count)), [])
    found = [[*page] async for page in pages.pages(rows, lambda last: last)]
    assert [*chain(*found)] == list(range(count))
    assert all(found), "no page is empty"
    assert rows.reads == reads
