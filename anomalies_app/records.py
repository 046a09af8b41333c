"""What one anomaly is, wherever it goes: into the outbox, the database, a page, an answer, a file.

An *anomaly* is the record of what went wrong in a session, an *episode* the detector's state of it.
Its values are declared once, in :class:`AnomalyValues`. The detector reports them as an
:class:`EpisodeChange`; once that is stored they leave the app as an :class:`AnomalyRecord`, from
which every other form is made.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sessions_app.scoring.points import SignalValues
from sessions_app.ticks import tick_end

_NAMESPACE = UUID("6f0a4c7e-0d4b-5b0e-9a53-3f1f0f8f5a10")

# The values that are a column each, in a table, a message and a file; the signals come beside them.
COLUMNS = (
    "type",
    "severity",
    "anomaly_score",
    "current_engagement",
    "expected_engagement",
    "deviation",
    "reason",
)


class Change(StrEnum):
    """What has just happened to an episode."""

    BEGAN = "BEGAN"
    ESCALATED = "ESCALATED"
    ENDED = "ENDED"


class SignalMove(msgspec.Struct, frozen=True):
    """How one signal has moved.

    Attributes:
        signal: its name, as in the wire contract.
        before, now: its values, in its own unit.
        seconds: how long the move took.
    """

    signal: str
    before: float
    now: float
    seconds: int


class AnomalyValues(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an anomaly.

    Attributes:
        type, severity: as they are now; a severity never falls.
        anomaly_score: the combined score in [0, 1] that raised or escalated it.
        current_engagement, expected_engagement: scores in [0, 1] at that time.
        reason: one plain sentence; empty in an episode's end, which needs no reason.
        signals: at that time; None in a damaged row.
        moved: which signal moved most; None in an episode's end, or a damaged row.
    """

    type: str
    severity: str
    anomaly_score: float
    current_engagement: float
    expected_engagement: float
    reason: str
    signals: SignalValues | None
    moved: SignalMove | None

    @property
    def deviation(self) -> float:
        """Expected minus current engagement."""
        return self.expected_engagement - self.current_engagement

    def columns(self) -> dict[str, Any]:
        """The values of :data:`COLUMNS`, by name."""
        return {name: getattr(self, name) for name in COLUMNS}


class EpisodeChange(AnomalyValues, frozen=True, array_like=True):
    """What the detector reports of one session's episode, before it is stored.

    It waits in a shard's outbox as a MessagePack array: these fields, then those of
    :class:`AnomalyValues` (keyword-only fields come last). The release before reads and writes the
    same array, so new fields must come at its end and have a default.

    Attributes:
        session_id, event_id: database keys.
        external_id: the platform's session ID.
        tick: of the change.
        raised_tick: in which the episode began; identifies it among those of the session.
    """

    change: Change
    session_id: int
    event_id: int
    external_id: str
    tick: int
    raised_tick: int

    @property
    def anomaly_id(self) -> UUID:
        """The ID of the anomaly: the same for the whole episode, whoever computes it."""
        return uuid5(_NAMESPACE, f"{self.session_id}:{self.raised_tick}")

    @property
    def began_at(self) -> datetime:
        """The end of the tick in which the episode began, aware, UTC."""
        return tick_end(self.raised_tick)

    @property
    def changed_at(self) -> datetime:
        """The end of the tick of the change, aware, UTC."""
        return tick_end(self.tick)


class AnomalyRecord(AnomalyValues, frozen=True, kw_only=True):
    """An anomaly.

    Attributes:
        session_id, event_id: database keys of its session, and of the event this belongs to.
        began_at: end of the tick in which it was raised, aware, UTC.
        ended_at: when it ended; None while it is open.
    """

    id: UUID
    session_id: int
    event_id: int
    began_at: datetime
    ended_at: datetime | None


class AnomalyChange(AnomalyRecord, frozen=True, kw_only=True):
    """An anomaly right after a change of its episode was stored.

    Attributes:
        change: what has just happened.
        changed_at: end of the tick of the change, aware, UTC; that of the last tick at the end.
        external_id, event_external_id: the platform's IDs.
    """

    change: Change
    changed_at: datetime
    external_id: str
    event_external_id: str


encode_changes = msgspec.msgpack.Encoder().encode
decode_changes = msgspec.msgpack.Decoder(list[EpisodeChange]).decode
