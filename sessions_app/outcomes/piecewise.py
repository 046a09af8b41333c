"""Storing many items of which some may be bad: by bisection, so that only those are lost."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import DataError, IntegrityError, transaction

# Errors that a row can cause; all others are not the fault of rows. COPY raises psycopg's own.
ROW_FAULTS = (
    DataError,
    IntegrityError,
    psycopg.DataError,
    psycopg.IntegrityError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)
# A few hundred bad rows take this many; beyond it, the rest is considered bad as a whole.
MAXIMUM_FAILURES = 2_000

Item = TypeVar("Item")
Stored = TypeVar("Stored")


class BadPiece(NamedTuple):
    """An item that could not be stored.

    Attributes:
        what: kind of items.
        piece: the item; several once there were too many failures.
        error: why.
    """

    what: str
    piece: Any
    error: Exception


class Pieces:
    """Stores lists of items within the caller's transaction.

    Args:
        by_halves: whether to isolate bad items by bisection; otherwise all or nothing.

    Attributes:
        bad: items that could not be stored.
        are_separate: whether bad items cost only themselves.
    """

    def __init__(self, by_halves: bool) -> None:
        self.bad: list[BadPiece] = []
        self.are_separate = by_halves
        self._failures = 0

    def savepoint(self) -> AbstractContextManager[Any]:
        """Within it, an error undoes only what was stored within it, if pieces are separate."""
        return transaction.atomic() if self.are_separate else nullcontext()

    def take_bad(self) -> list[BadPiece]:
        """Removes and returns the items that could not be delivered."""
        bad, self.bad = self.bad, []
        return bad

    def store(
        self, what: str, items: list[Item], store: Callable[[list[Item]], list[Stored] | None]
    ) -> list[Stored]:
        """The results of ``store`` for the items that could be stored.

        Raises:
            Exception: from ``store``; with ``by_halves``, none of :data:`ROW_FAULTS`.
        """
        if not items:
            return []
        if not self.are_separate:
            return store(items) or []
        try:
            with transaction.atomic():
                return store(items) or []
        except ROW_FAULTS as error:
            self._failures += 1
            if len(items) == 1 or self._failures > MAXIMUM_FAILURES:
                self.bad.append(BadPiece(what, items if len(items) > 1 else items[0], error))
                return []
        middle = len(items) // 2
        first = self.store(what, items[:middle], store)
        return first + self.store(what, items[middle:], store)
