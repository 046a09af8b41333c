"""How each event wants its sessions scored, kept in the process and refreshed at every tick."""

from datetime import datetime, timedelta

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from sessions_app.models import Event
from sessions_app.scoring import ScoreSettings

# A change is committed somewhat later than its time says.
OVERLAP = timedelta(seconds=60)
FIELDS = tuple(ScoreSettings.__dataclass_fields__)
MAXIMUM_EVENTS = 200_000


class EventSettingsCache:
    """Settings and external IDs of events by database key."""

    def __init__(self) -> None:
        self.external_ids: dict[int, str] = {}
        self._values: dict[int, tuple[float, ...]] = {}
        self._refreshed_at: datetime | None = None

    def refresh(self, event_ids: NDArray[np.int64]) -> None:
        """Loads what is missing of ``event_ids`` and what has changed of all that are known."""
        if len(self._values) > MAXIMUM_EVENTS:
            self.__init__()  # type: ignore[misc]
        now = timezone.now()
        if self._refreshed_at is not None:
            changed = Event.objects.filter(updated_at__gte=self._refreshed_at - OVERLAP)
            self._load(changed.filter(pk__in=list(self._values)) if self._values else None)
        missing = [key for key in np.unique(event_ids).tolist() if key not in self._values]
        self._load(Event.objects.filter(pk__in=missing) if missing else None)
        self._refreshed_at = now

    def settings_for(self, event_ids: NDArray[np.int64]) -> ScoreSettings:
        """The settings of each element of ``event_ids``, as arrays; defaults for deleted events."""
        distinct, inverse = np.unique(event_ids, return_inverse=True)
        defaults = tuple(getattr(ScoreSettings(), name) for name in FIELDS)
        table = np.array(
            [self._values.get(key, defaults) for key in distinct.tolist()], dtype=np.float64
        ).reshape(-1, len(FIELDS))
        return ScoreSettings(*table[inverse].T)

    def external_id(self, event_id: int) -> str:
        """The platform's ID of an event; empty for one that has been deleted."""
        return self.external_ids.get(event_id, "")

    def _load(self, events: "object | None") -> None:
        if events is None:
            return
        for key, external_id, *values in events.values_list("pk", "external_id", *FIELDS):  # type: ignore[attr-defined]
            self.external_ids[key] = external_id
            self._values[key] = tuple(values)
