"""Metrics of past sessions as recorded signals, read from the database in bounded portions."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from sessions_app.control.pause_cache import REFILL
from sessions_app.models import EngagementMetric, Event, Pause, Session
from sessions_app.recordings.signal_recording import SIGNALS, RecordedSignals
from sessions_app.ticks import TICK_SECONDS, tick_ending

# A portion consists of whole sessions with about this many rows, or a single longer one.
PORTION_ROWS = 200_000
# Sessions per query when counting rows or reading pauses.
BATCH = 500
# A session is still scored while it is silent for up to half an hour before it ends.
SILENT = timedelta(hours=1)

_ROW = np.dtype([("session_id", "<i8"), ("tick", "<i8"), ("signals", "<f8", len(SIGNALS))])


class Portion(NamedTuple):
    """A portion of the sessions.

    Attributes:
        recorded: their metrics; muted while the session was paused, or had just been.
        event_ids: key of the event of each of ``recorded.session_ids``.
    """

    recorded: RecordedSignals
    event_ids: NDArray[np.int64]


class _Past(NamedTuple):
    session_id: int
    external_id: str
    event_id: int
    rows: int


class StoredSignals:
    """The stored signals of past sessions.

    Args:
        since: only metrics from then on.
        event: external ID of an event, to select its sessions only.

    Attributes:
        row_count: total number of session-ticks.
    """

    def __init__(self, since: datetime | None = None, event: str | None = None) -> None:
        self._metrics = EngagementMetric.objects.all()
        sessions = Session.objects.order_by("pk")
        if since is not None:
            self._metrics = self._metrics.filter(time__gte=since)
            sessions = sessions.filter(last_seen_at__gte=since - SILENT)
        if event is not None:
            sessions = sessions.filter(event__in=Event.objects.meant_by(event))
        self._sessions = list(self._counted(sessions.values_list("pk", "external_id", "event_id")))
        self.row_count = sum(session.rows for session in self._sessions)

    def portions(self) -> Iterator[Portion]:
        """Yields everything in portions of whole sessions."""
        some: list[_Past] = []
        for session in self._sessions:
            if some and sum(known.rows for known in some) + session.rows > PORTION_ROWS:
                yield self._portion(some)
                some = []
            some.append(session)
        if some:
            yield self._portion(some)

    def _counted(self, sessions: Any) -> Iterator[_Past]:
        known = list(sessions.iterator())
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            metrics = self._metrics.filter(session_id__in=[row[0] for row in batch])
            counts = metrics.order_by().values_list("session_id").annotate(rows=Count("*"))
            rows = dict(counts)
            yield from (_Past(*row, rows[row[0]]) for row in batch if row[0] in rows)

    def _portion(self, sessions: list[_Past]) -> Portion:
        keys = np.array([session.session_id for session in sessions])
        metrics = self._metrics.filter(session_id__in=keys.tolist()).order_by("session_id", "time")
        columns = metrics.values_list("session_id", "time", *SIGNALS)
        rows = np.fromiter(
            (
                (session_id, tick_ending(time), signals)
                for session_id, time, *signals in columns.iterator(chunk_size=10_000)
            ),
            _ROW,
        )
        session = np.searchsorted(keys, rows["session_id"])
        recorded = RecordedSignals(
            session=session,
            session_ids=[session.external_id for session in sessions],
            tick=rows["tick"].copy(),
            muted=_muted(keys, session, rows["tick"]),
            **dict(zip(SIGNALS, rows["signals"].T.copy(), strict=True)),
        )
        return Portion(recorded, np.array([session.event_id for session in sessions]))


def _muted(
    keys: NDArray[np.int64], session: NDArray[np.int64], tick: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows lie in a pause or within the minute after one; ``keys`` ascend."""
    muted = np.zeros(len(tick), np.bool_)
    starts = np.searchsorted(session, np.arange(len(keys)))
    ends = np.searchsorted(session, np.arange(len(keys)), side="right")
    for first in range(0, len(keys), BATCH):
        pauses = Pause.objects.filter(session_id__in=keys[first : first + BATCH].tolist())
        for key, starts_at, ends_at in pauses.values_list("session_id", "starts_at", "ends_at"):
            index = int(np.searchsorted(keys, key))
            ticks = tick[starts[index] : ends[index]]
            begin = np.searchsorted(ticks, _first_tick_from(starts_at))
            end = len(ticks)
            if ends_at is not None:
                end = np.searchsorted(ticks, _first_tick_from(ends_at + REFILL))
            muted[starts[index] + begin : starts[index] + end] = True
    return muted


def _first_tick_from(time: datetime) -> int:
    """The first tick that does not end before ``time``."""
    return math.ceil(time.timestamp() / TICK_SECONDS) - 1
