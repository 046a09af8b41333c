"""Events, their sessions, and each session's engagement at each tick."""

from sessions_app.models.database_epoch import DatabaseEpoch
from sessions_app.models.event import Event
from sessions_app.models.metric import EngagementMetric, PollMoment
from sessions_app.models.session import Pause, PauseKind, Session

__all__ = (
    "DatabaseEpoch",
    "EngagementMetric",
    "Event",
    "Pause",
    "PauseKind",
    "PollMoment",
    "Session",
)
