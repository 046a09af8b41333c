"""How each event wants its sessions scored, kept in the process and refreshed at every tick."""

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from sessions_app.models import Event
from sessions_app.queries import EventQuerySet
from sessions_app.scoring import ScoreSettings

# A change is committed somewhat later than its time says.
OVERLAP = timedelta(seconds=60)
SHORTEST_AGE = timedelta(seconds=1)
FIELDS = tuple(ScoreSettings.__dataclass_fields__)
MAXIMUM_EVENTS = 200_000


class EventSettingsCache:
    """Settings and external IDs of events by database key."""

    def __init__(self) -> None:
        self.external_ids: defaultdict[int, str] = defaultdict(str)
        self._values: dict[int, tuple[float, ...]] = {}
        self._refreshed_at: datetime | None = None

    def refresh(self) -> None:
        """Takes over what has been edited, at most once a second."""
        now = timezone.now()
        if self._refreshed_at is not None and now - self._refreshed_at < SHORTEST_AGE:
            return
        if len(self._values) > MAXIMUM_EVENTS:
            self._values.clear()
            self.external_ids.clear()
        if self._refreshed_at is not None and self._values:
            self._load(Event.objects.filter(updated_at__gte=self._refreshed_at - OVERLAP))
        self._refreshed_at = now

    def ensure(self, event_ids: NDArray[np.int64]) -> None:
        """Loads those of ``event_ids`` that are not known yet."""
        missing = [key for key in np.unique(event_ids).tolist() if key not in self._values]
        if missing:
            self._load(Event.objects.filter(pk__in=missing))

    def settings_for(self, event_ids: NDArray[np.int64]) -> ScoreSettings:
        """The settings of each element of ``event_ids``, as arrays; defaults for deleted events."""
        distinct, inverse = np.unique(event_ids, return_inverse=True)
        defaults = tuple(getattr(ScoreSettings(), name) for name in FIELDS)
        table = np.array(
            [self._values.get(key, defaults) for key in distinct.tolist()], dtype=np.float64
        ).reshape(-1, len(FIELDS))
        return ScoreSettings(*table[inverse].T)

    def _load(self, events: EventQuerySet) -> None:
        for key, external_id, *values in events.values_list("pk", "external_id", *FIELDS):
            self.external_ids[key] = external_id
            self._values[key] = tuple(values)
