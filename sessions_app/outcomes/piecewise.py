"""Storing many things of which one may be bad: by halves, so that it costs only itself."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import DataError, IntegrityError, transaction

# What a row can be to blame for. Anything else that a database says is nothing of the rows. COPY
# raises psycopg's own.
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
# Some hundred rows that are bad take so many; after that the rest is bad altogether.
MOST_FAILURES = 2_000

Item = TypeVar("Item")
Stored = TypeVar("Stored")


class BadPiece(NamedTuple):
    """What could not be stored.

    Attributes:
        what: kind of things.
        piece: one of them; several once there are very many.
        error: why.
    """

    what: str
    piece: Any
    error: Exception


class Pieces:
    """Stores lists of things, within the caller's transaction.

    Args:
        by_halves: whether to look for what cannot be stored; otherwise all or nothing.

    Attributes:
        bad: what could not be stored.
    """

    def __init__(self, by_halves: bool) -> None:
        self.bad: list[BadPiece] = []
        self._by_halves = by_halves
        self._failures = 0

    def store(
        self, what: str, items: list[Item], store: Callable[[list[Item]], list[Stored] | None]
    ) -> list[Stored]:
        """What ``store`` returned for the items that it could store.

        Raises:
            Exception: as ``store`` does, but for :data:`ROW_FAULTS` where that is looked for.
        """
        if not items:
            return []
        if not self._by_halves:
            return store(items) or []
        try:
            with transaction.atomic():
                return store(items) or []
        except ROW_FAULTS as error:
            self._failures += 1
            if len(items) == 1 or self._failures > MOST_FAILURES:
                self.bad.append(BadPiece(what, items if len(items) > 1 else items[0], error))
                return []
        middle = len(items) // 2
        first = self.store(what, items[:middle], store)
        return first + self.store(what, items[middle:], store)
