"""Each event's settings for scoring and detection, cached and refreshed at every tick."""

from collections import defaultdict
from dataclasses import astuple
from datetime import datetime, timedelta

import numpy as np
from django.utils import timezone
from numpy.typing import ArrayLike, NDArray

from sessions_app.models import Event
from sessions_app.queries.querysets import EventQuerySet
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings

# A change is committed somewhat later than its timestamp says.
OVERLAP = timedelta(seconds=60)
SHORTEST_AGE = timedelta(seconds=1)
SCORE_FIELDS = tuple(ScoreSettings.__dataclass_fields__)
DETECTION_FIELDS = tuple(DetectionSettings.__dataclass_fields__)
FIELDS = SCORE_FIELDS + DETECTION_FIELDS
DEFAULTS = (*astuple(ScoreSettings()), *astuple(DetectionSettings()))
MAXIMUM_EVENTS = 200_000


class EventSettingsCache:
    """Settings and external IDs of events by database key."""

    def __init__(self) -> None:
        self.external_ids: defaultdict[int, str] = defaultdict(str)
        self._values: dict[int, tuple[float, ...]] = {}
        self._refreshed_at: datetime | None = None
        self._epoch = ""

    def follow_epoch(self, epoch: str) -> None:
        """Drops what was read in another epoch, in which keys meant something else."""
        if epoch != self._epoch:
            self._values.clear()
            self.external_ids.clear()
            self._epoch = epoch

    def refresh(self) -> None:
        """Reloads the events edited since the last refresh, at most once a second."""
        now = timezone.now()
        if self._refreshed_at is not None and now - self._refreshed_at < SHORTEST_AGE:
            return
        if len(self._values) > MAXIMUM_EVENTS:
            self._values.clear()
            self.external_ids.clear()
        if self._refreshed_at is not None and self._values:
            self._load(Event.objects.filter(updated_at__gte=self._refreshed_at - OVERLAP))
        self._refreshed_at = now

    def ensure(self, event_ids: ArrayLike) -> None:
        """Loads those of ``event_ids`` that are not cached."""
        missing = [key for key in np.unique(event_ids).tolist() if key not in self._values]
        if missing:
            self._load(Event.objects.filter(pk__in=missing))

    def settings_for(self, event_ids: NDArray[np.int64]) -> ScoreSettings:
        """The settings of each element of ``event_ids``, as arrays; defaults for deleted events."""
        columns = self._columns(event_ids)
        return ScoreSettings(*columns[: len(SCORE_FIELDS)])

    def settings_of(self, event_id: int) -> ScoreSettings:
        """The settings of one event; defaults if it is deleted or not loaded."""
        return ScoreSettings(*self._values.get(event_id, DEFAULTS)[: len(SCORE_FIELDS)])

    def detection_settings_for(self, event_ids: NDArray[np.int64]) -> DetectionSettings:
        """The detection settings of each element; the flags are arrays of bool."""
        columns = self._columns(event_ids)[len(SCORE_FIELDS) :]
        return DetectionSettings(*map(_typed, DETECTION_FIELDS, columns))

    def _columns(self, event_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """One row for each of :data:`FIELDS`, one column for each element of ``event_ids``."""
        distinct, inverse = np.unique(event_ids, return_inverse=True)
        table = np.array(
            [self._values.get(key, DEFAULTS) for key in distinct.tolist()], dtype=np.float64
        ).reshape(-1, len(FIELDS))
        return np.ascontiguousarray(table[inverse].T)

    def _load(self, events: EventQuerySet) -> None:
        for key, external_id, *values in events.values_list("pk", "external_id", *FIELDS):
            self.external_ids[key] = external_id
            self._values[key] = tuple(values)


def _typed(name: str, values: NDArray[np.float64]) -> ArrayLike:
    return values.astype(np.bool_) if name.startswith("mute_") else values
