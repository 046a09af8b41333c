"""Which sessions are paused, cached in the process and refreshed at every tick."""

from datetime import UTC, datetime, timedelta

import numpy as np
from django.db.models import Q
from django.utils import timezone
from numpy.typing import NDArray

from sessions_app.models import Pause, PauseKind
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS, WINDOW_SECONDS

# After a pause, the windows still contain part of it for their own length.
REFILL = timedelta(seconds=WINDOW_SECONDS)
# The oldest tick that is still scored.
HORIZON = timedelta(seconds=CATCH_UP_TICKS * TICK_SECONDS) + REFILL
SHORTEST_AGE = timedelta(seconds=1)
# Allowance for clocks that differ.
AHEAD = timedelta(seconds=60)
MAXIMUM_PAUSES = 200_000
KINDS = tuple(PauseKind.values)

_PAUSE = np.dtype([("session_id", "<i8"), ("kind", "u1"), ("starts", "<i8"), ("ends", "<i8")])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = np.iinfo(np.int64).max // 2
_MICROSECOND = timedelta(microseconds=1)


class PauseCache:
    """The pauses of live sessions that affect ticks of the last ten minutes."""

    def __init__(self) -> None:
        self._pauses = np.zeros(0, _PAUSE)
        self._refreshed_at: datetime | None = None
        self._epoch = ""

    def follow_epoch(self, epoch: str) -> None:
        """Reloads everything in another epoch, in which keys mean something else."""
        if epoch != self._epoch:
            self._refreshed_at = None
            self.refresh()
            self._epoch = epoch

    def refresh(self) -> None:
        """Reloads the announced pauses with one query, at most once a second."""
        now = timezone.now()
        if self._refreshed_at is not None and now - self._refreshed_at < SHORTEST_AGE:
            return
        recent = now - HORIZON
        pauses = (
            Pause.objects.not_ended_before(recent)
            .filter(Q(session__ended_at__isnull=True) | Q(session__ended_at__gt=recent))
            .filter(starts_at__lte=now + AHEAD)
            .order_by("-starts_at")
            .values_list("session_id", "kind", "starts_at", "ends_at")
        )
        rows = [
            (key, KINDS.index(kind), _microseconds(starts_at), _microseconds(ends_at))
            for key, kind, starts_at, ends_at in pauses[:MAXIMUM_PAUSES]
        ]
        self._pauses = np.array(rows, _PAUSE)
        self._refreshed_at = now

    def muted(self, session_ids: NDArray[np.int64], time: datetime) -> NDArray[np.bool_]:
        """Which sessions are paused at ``time``, or were within the minute before.

        Args:
            session_ids: database keys.
            time: the end of a tick.
        """
        moment, refill = _microseconds(time), REFILL // _MICROSECOND
        pauses = self._pauses
        current = (pauses["starts"] <= moment) & (moment < pauses["ends"] + refill)
        muted: NDArray[np.bool_] = np.isin(session_ids, pauses["session_id"][current])
        return muted

    def kinds(self, time: datetime) -> dict[int, str]:
        """The kind of pause of each session that is paused at ``time``, by key."""
        moment, pauses = _microseconds(time), self._pauses
        current = pauses[(pauses["starts"] <= moment) & (moment < pauses["ends"])]
        keys, kinds = current["session_id"].tolist(), current["kind"].tolist()
        return {key: KINDS[kind] for key, kind in zip(keys, kinds, strict=True)}


def _microseconds(time: datetime | None) -> int:
    return _NEVER if time is None else (time - _EPOCH) // _MICROSECOND
