"""An anomaly, and the history of its review."""

from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.utils.timezone import localtime
from msgspec import structs

from anomalies_app.models.session_record import SessionRecord
from anomalies_app.queries import AnomalyQuerySet
from anomalies_app.records import AnomalyRecord, AnomalyValues, SignalMove
from sessions_app.models import Session
from sessions_app.scoring.points import SignalValues

# The columns that hold what people made of an anomaly.
REVIEW_COLUMNS = (
    "acknowledged_at",
    "acknowledged_by",
    "verdict",
    "verdict_note",
    "reviewed_at",
    "reviewed_by",
)

Stored = TypeVar("Stored", SignalValues, SignalMove)


class AnomalyType(models.TextChoices):
    """The type of an anomaly."""

    SUDDEN_DROP = "SUDDEN_DROP", "Sudden drop"
    GRADUAL_DECLINE = "GRADUAL_DECLINE", "Gradual decline"
    MASS_EXIT = "MASS_EXIT", "Mass exit"
    LOW_ENGAGEMENT = "LOW_ENGAGEMENT", "Low engagement"


class Severity(models.TextChoices):
    """How unusual and how bad it is."""

    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class Verdict(models.TextChoices):
    """An admin's verdict on an anomaly."""

    CONFIRMED = "CONFIRMED"
    FALSE_ALARM = "FALSE_ALARM", "False alarm"


NOT_REVIEWED = "Not reviewed"


class Status(models.TextChoices):
    """How far the review of an anomaly has come."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CONFIRMED = "CONFIRMED"
    FALSE_ALARM = "FALSE_ALARM", "False alarm"


def status_of(verdict: str, acknowledged_at: datetime | None) -> Status:
    """The status of an anomaly with this verdict and acknowledgement."""
    if verdict:
        return Status(verdict)
    return Status.OPEN if acknowledged_at is None else Status.ACKNOWLEDGED


class Anomaly(SessionRecord):
    """A time in which a session was less engaged than was to be expected.

    ``time`` is when it was raised. Type and severity are the worst so far. ``metadata`` holds the
    signal that moved most (``moved``) and every change of the episode (``changes``).
    """

    type = models.CharField(max_length=20, choices=AnomalyType.choices)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    anomaly_score = models.FloatField()
    current_engagement = models.FloatField()
    expected_engagement = models.FloatField()
    deviation = models.FloatField()
    signals = models.JSONField(default=dict)
    reason = models.TextField(blank=True, help_text="Why it was raised, in one sentence.")
    ended_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="acknowledged_anomalies",
        db_constraint=False,
        db_index=False,
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True)
    verdict_note = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="reviewed_anomalies",
        db_constraint=False,
        db_index=False,
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = AnomalyQuerySet.as_manager()

    class Meta(SessionRecord.Meta):
        db_table = "anomalies"
        verbose_name_plural = "anomalies"
        constraints = (
            models.UniqueConstraint(fields=["session", "time"], name="anomaly_session_time"),
        )
        indexes = (
            models.Index(fields=["id"], name="anomaly_id"),
            models.Index(fields=["severity", "time"], name="anomaly_severity_time"),
            models.Index(fields=["event", "time"], name="anomaly_event_time"),
            models.Index(fields=["time"], name="anomaly_time"),
            models.Index(fields=["time"], condition=~models.Q(verdict=""), name="anomaly_judged"),
            models.Index(
                fields=["session"],
                condition=models.Q(ended_at__isnull=True),
                name="anomaly_open",
            ),
        )

    def __str__(self) -> str:
        raised = f"{localtime(self.time):%Y-%m-%d %H:%M:%S}"
        return f"{self.get_type_display()} in {self.session} at {raised}"

    @property
    def status(self) -> Status:
        """How far its review has come; a verdict takes precedence over an acknowledgement."""
        return status_of(self.verdict, self.acknowledged_at)

    @property
    def closed_at(self) -> datetime | None:
        """When it ended, or else the session that left it open; None while it is open."""
        return self.ended_at or self.session.ended_at

    @property
    def values(self) -> AnomalyValues:
        """What the detector found, as it last got worse."""
        known = {name: getattr(self, name) for name in _VALUE_COLUMNS}
        moved = self.metadata.get("moved")
        return AnomalyValues(
            **known, signals=_read(SignalValues, self.signals), moved=_read(SignalMove, moved)
        )

    def record(self, session: Session | None = None) -> AnomalyRecord:
        """The anomaly as of now, under the event that its session belongs to now.

        One that was left open by a session that has ended, ended with it.

        Args:
            session: of the anomaly, where it is at hand.
        """
        session = session or self.session
        return AnomalyRecord(
            **structs.asdict(self.values),
            id=self.pk,
            session_id=self.session_id,
            event_id=session.event_id,
            began_at=self.time,
            ended_at=self.ended_at or session.ended_at,
        )


_VALUE_COLUMNS = tuple(
    name for name in AnomalyValues.__struct_fields__ if name not in ("signals", "moved")
)


def _read(kind: type[Stored], data: dict[str, Any] | None) -> Stored | None:
    """Stored JSON as a struct; None where it is missing or damaged: the rest can be shown.

    Fields of a later release are left out.
    """
    data = data or {}
    try:
        return kind(**{name: data[name] for name in kind.__struct_fields__ if name in data})
    except TypeError:
        return None


class AnomalyReview(models.Model):
    """An entry in the review history of an anomaly: who changed what to what, and when.

    An acknowledgement leaves verdict and note unchanged.
    """

    anomaly_id = models.UUIDField(db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="anomaly_reviews",
    )
    time = models.DateTimeField()
    from_verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True)
    to_verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True)
    note = models.TextField(blank=True)
    is_acknowledgement = models.BooleanField(default=False)

    class Meta:
        ordering = ("-time", "-id")
        get_latest_by = "time"

    def __str__(self) -> str:
        if self.is_acknowledgement:
            return f"acknowledged: {self.anomaly_id}"
        return f"{self.from_label} to {self.to_label}: {self.anomaly_id}"

    @property
    def from_label(self) -> str:
        return self.get_from_verdict_display() or NOT_REVIEWED

    @property
    def to_label(self) -> str:
        return self.get_to_verdict_display() or NOT_REVIEWED
