"""What the detector tells of an episode, as it leaves this app."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from sessions_app.scoring.points import SignalValues


class Change(StrEnum):
    """What has just happened to an episode."""

    BEGAN = "BEGAN"
    ESCALATED = "ESCALATED"
    ENDED = "ENDED"


class AnomalyNotice(msgspec.Struct, frozen=True):
    """An episode after its latest change.

    Attributes:
        id: the same for the whole episode.
        change: what has just happened.
        session_id, event_id: database keys.
        external_id, event_external_id: the platform's IDs.
        began_at: end of the tick in which it was raised, aware, UTC; the anomaly's ``time``.
        changed_at: end of the tick of the change; of the last tick, if it has ended.
        type, severity: as they are now; they only ever get worse.
        anomaly_score: the combined score in [0, 1] that raised or escalated it.
        current_engagement, expected_engagement: scores in [0, 1] at that time.
        deviation: expected minus current engagement.
        reason: one plain sentence.
        signals: at that time.
        moved: the signal that moved most, from what to what, within how many seconds.
    """

    id: UUID
    change: Change
    session_id: int
    event_id: int
    external_id: str
    event_external_id: str
    began_at: datetime
    changed_at: datetime
    type: str
    severity: str
    anomaly_score: float
    current_engagement: float
    expected_engagement: float
    deviation: float
    reason: str
    signals: SignalValues
    moved: "SignalMove"

    @property
    def has_ended(self) -> bool:
        return self.change is Change.ENDED


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


class EpisodeChange(msgspec.Struct, frozen=True, array_like=True):
    """What the detector has just made of one session, before it is stored.

    Attributes:
        session_id, event_id: database keys.
        external_id: the platform's session ID.
        tick: of the change.
        raised_tick: in which the episode began; tells it from the session's others.
        reason: one plain sentence; empty at the end, where nothing needs a reason.
        moved: which signal moved most; None at the end.
    """

    change: Change
    session_id: int
    event_id: int
    external_id: str
    tick: int
    raised_tick: int
    type: str
    severity: str
    anomaly_score: float
    current_engagement: float
    expected_engagement: float
    reason: str
    signals: SignalValues
    moved: SignalMove | None


encode_changes = msgspec.msgpack.Encoder().encode
decode_changes = msgspec.msgpack.Decoder(list[EpisodeChange]).decode
