"""The tables of anomalies, their reviews, interventions, and how those performed."""

from anomalies_app.models.anomaly import (
    NOT_REVIEWED,
    REVIEW_COLUMNS,
    Anomaly,
    AnomalyReview,
    AnomalyType,
    Severity,
    Status,
    Verdict,
    status_of,
)
from anomalies_app.models.intervention import (
    AgentPerformance,
    Intervention,
    InterventionKind,
    InterventionStatus,
)
from anomalies_app.models.session_record import SessionRecord

__all__ = (
    "NOT_REVIEWED",
    "REVIEW_COLUMNS",
    "AgentPerformance",
    "Anomaly",
    "AnomalyReview",
    "AnomalyType",
    "Intervention",
    "InterventionKind",
    "InterventionStatus",
    "SessionRecord",
    "Severity",
    "Status",
    "Verdict",
    "status_of",
)
