"""The result of scoring a tick for one session, as passed to other apps."""

from datetime import datetime

import msgspec


class SignalValues(msgspec.Struct, frozen=True):
    """The signals of one session, with the names and types of the wire contract."""

    chat_msgs_per_min: float
    poll_participation: float
    active_users: int
    total_users: int
    reactions_per_min: float
    user_leave_rate: float


class SessionPoint(msgspec.Struct, frozen=True):
    """One session at the end of one tick.

    Attributes:
        session_id, event_id: database keys.
        external_id, event_external_id: the platform's IDs.
        time: the end of the tick, aware, UTC.
        score: engagement in [0, 1].
    """

    session_id: int
    event_id: int
    external_id: str
    event_external_id: str
    time: datetime
    score: float
    category: str
    signals: SignalValues
