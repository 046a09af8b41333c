"""While the scores are locked, pages show everything else."""

from collections.abc import Callable
from typing import TypeVar

from sessions_app.storage.locked_scores import ScoresLockedError

Shown = TypeVar("Shown")


def with_or_without_scores(read: Callable[[bool], Shown]) -> tuple[Shown, bool]:
    """The result of ``read``, and whether scores were left out because they are locked.

    Args:
        read: called with whether to read scores.
    """
    try:
        return read(True), False
    except ScoresLockedError:
        return read(False), True
