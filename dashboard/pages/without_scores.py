"""Pages whose scores are locked show all the rest."""

from collections.abc import Callable
from typing import TypeVar

from sessions_app.storage.locked_scores import ScoresLockedError

Shown = TypeVar("Shown")


def with_or_without_scores(read: Callable[[bool], Shown]) -> tuple[Shown, bool]:
    """What ``read`` returns, and whether that is without scores because they are locked.

    Args:
        read: is told whether to read scores.
    """
    try:
        return read(True), False
    except ScoresLockedError:
        return read(False), True
