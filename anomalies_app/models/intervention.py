"""What was done about an anomaly, and what became of it."""

from django.db import models

from anomalies_app.models.session_record import SessionRecord


class InterventionKind(models.TextChoices):
    """A way to win an audience back."""

    POLL = "POLL"
    CHAT_PROMPT = "CHAT_PROMPT"
    NUDGE = "NUDGE"
    QNA_PROMOTION = "QNA_PROMOTION"


class InterventionStatus(models.TextChoices):
    """The state of an intervention."""

    SUGGESTED = "SUGGESTED"
    APPROVED = "APPROVED"
    EXECUTED = "EXECUTED"
    DISMISSED = "DISMISSED"


class Intervention(SessionRecord):
    """Something suggested or done in response to an anomaly."""

    anomaly_id = models.UUIDField(null=True, blank=True)
    kind = models.CharField(max_length=20, choices=InterventionKind.choices)
    status = models.CharField(
        max_length=10, choices=InterventionStatus.choices, default=InterventionStatus.SUGGESTED
    )
    confidence = models.FloatField(null=True, blank=True)
    content = models.JSONField(default=dict, blank=True)

    class Meta(SessionRecord.Meta):
        db_table = "interventions"
        indexes = (
            models.Index(fields=["id"], name="intervention_id"),
            models.Index(fields=["session", "time"], name="intervention_session_time"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.session_id}: {self.get_status_display()}"


class AgentPerformance(SessionRecord):
    """The effect of an intervention."""

    intervention_id = models.UUIDField(null=True, blank=True)
    agent = models.CharField(max_length=100)
    succeeded = models.BooleanField(null=True)
    engagement_before = models.FloatField(null=True, blank=True)
    engagement_after = models.FloatField(null=True, blank=True)

    class Meta(SessionRecord.Meta):
        db_table = "agent_performance"
        verbose_name_plural = "agent performance"
        indexes = (
            models.Index(fields=["id"], name="performance_id"),
            models.Index(fields=["agent", "time"], name="performance_agent_time"),
        )

    def __str__(self) -> str:
        return f"{self.agent} in {self.session_id}"
