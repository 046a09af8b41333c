"""Values read from Redis one by one, so that an unreadable one does not hide the others.

A key of another type or an invalid number is recorded as a problem; only outages are raised.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import redis

from sessions_app.telemetry.outages import first_line, is_outage

Value = TypeVar("Value")


class Readings:
    """Reads values, and records those that cannot be read.

    Attributes:
        problems: why a value is unknown, by its name.
    """

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def read(self, name: str, ask: Callable[[], Value], unknown: Value) -> Value:
        """The result of ``ask``; ``unknown`` if it cannot be read.

        Args:
            name: of the value.

        Raises:
            redis.RedisError, OSError: an outage.
        """
        try:
            return ask()
        except (redis.RedisError, ValueError) as error:
            self._note(name, error)
            return unknown

    def answers(self, pipeline: Any, names: Iterable[str]) -> list[Any]:
        """The replies of a pipeline, each None if it cannot be read.

        Args:
            pipeline: not a transaction.
            names: of the values, one for each reply.

        Raises:
            redis.RedisError, OSError: an outage.
        """
        found = pipeline.execute(raise_on_error=False)
        for index, (name, answer) in enumerate(zip(names, found, strict=True)):
            if isinstance(answer, Exception):
                self._note(name, answer)
                found[index] = None
        return list(found)

    def numbers(self, name: str, fields: Mapping[bytes, bytes]) -> dict[str, float]:
        """The fields of a hash that are numbers."""
        found = {}
        for field, text in fields.items():
            try:
                found[field.decode()] = _finite(text)
            except ValueError as error:
                self._note(name, error)
        return found

    def _note(self, name: str, error: Exception) -> None:
        if is_outage(error):
            raise error
        self.problems[name] = first_line(error)


def _finite(text: bytes) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a count")
    return number
