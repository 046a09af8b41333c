"""Figures asked of Redis one by one: one that cannot be read hides no other.

A key of another type, or a number that is none, is somebody's mistake. Only an outage is an outage.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import redis

from sessions_app.telemetry.outages import first_line, is_outage

Value = TypeVar("Value")


class Readings:
    """What can be read, and what cannot.

    Attributes:
        problems: why a figure is unknown, by its name.
    """

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def read(self, name: str, ask: Callable[[], Value], unknown: Value) -> Value:
        """What ``ask`` returns; ``unknown`` where that cannot be told.

        Args:
            name: of the figure.

        Raises:
            redis.RedisError, OSError: an outage.
        """
        try:
            return ask()
        except (redis.RedisError, ValueError) as error:
            self._note(name, error)
            return unknown

    def answers(self, pipeline: Any, names: Iterable[str]) -> list[Any]:
        """The answers to a pipeline, each None where Redis cannot tell.

        Args:
            pipeline: no transaction.
            names: of the figures, one for each answer.

        Raises:
            redis.RedisError, OSError: an outage.
        """
        found = pipeline.execute(raise_on_error=False)
        for place, (name, answer) in enumerate(zip(names, found, strict=True)):
            if isinstance(answer, Exception):
                self._note(name, answer)
                found[place] = None
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
        raise ValueError(f"{number} is no count")
    return number
