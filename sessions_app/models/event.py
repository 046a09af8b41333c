"""An event: who organizes it, and how its sessions are scored and judged."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from sessions_app.queries.querysets import EventQuerySet
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings

RATIO = (MinValueValidator(0.0), MaxValueValidator(1.0))
SENSITIVITY = (MinValueValidator(0.25), MaxValueValidator(4.0))
# Below this, a fully engaged session could not be distinguished from a silent one.
MINIMUM_REACHABLE_SCORE = 0.01
RATE = (MinValueValidator(1.0), MaxValueValidator(100_000.0))


def _all_given(*values: float | None) -> bool:
    # A form leaves out values that are not numbers, and reports them itself.
    return None not in values


class Event(models.Model):
    """Something an organizer runs, such as a conference or a series of webinars."""

    external_id = models.CharField(
        max_length=255, help_text="The platform's event ID; for a stand-in, its session's ID."
    )
    is_stand_in = models.BooleanField(
        "stand-in",
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether it stands in for the event of one session until the platform names one. "
        "Its ID is then the session's, and unrelated to IDs of events.",
    )
    title = models.CharField(max_length=255)
    organizers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="events",
        help_text="Who can see this event. Without organizers, only admins can.",
    )
    chat_weight = models.FloatField(
        default=0.30,
        validators=RATIO,
        help_text="What a saturated chat adds to the score. The scale is logarithmic: a few "
        "messages already add half as much.",
    )
    poll_weight = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="What an open poll adds if everybody present votes; proportional to their share.",
    )
    active_users_weight = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="What is added if everybody who joined is active; proportional to their share.",
    )
    reaction_weight = models.FloatField(
        default=0.10,
        validators=RATIO,
        help_text="What saturated reactions add, on a logarithmic scale.",
    )
    leave_weight = models.FloatField(
        default=0.10,
        validators=RATIO,
        help_text="What is subtracted if everybody leaves; proportional to the leave rate.",
    )
    chat_saturation = models.FloatField(
        default=20.0,
        validators=RATE,
        help_text="Chat messages per minute beyond which the chat term no longer grows.",
    )
    reaction_saturation = models.FloatField(
        default=10.0,
        validators=RATE,
        help_text="Reactions per minute beyond which the reaction term no longer grows.",
    )
    sudden_drop_threshold = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="How far engagement must fall below the level expected for this session, as a "
        "fraction of it: 0.25 is a quarter. Lower values alert on smaller falls.",
    )
    mass_exit_threshold = models.FloatField(
        default=0.15,
        validators=RATIO,
        help_text="Share of the audience that must leave within a minute. Lower values alert on "
        "smaller exits.",
    )
    low_engagement_threshold = models.FloatField(
        default=0.20,
        validators=RATIO,
        help_text="A score that stays below this is reported as low engagement.",
    )
    warning_threshold = models.FloatField(
        default=0.60,
        validators=RATIO,
        help_text="Anomaly score, from 0 (ordinary) to 1, at or above which an alert is a warning.",
    )
    critical_threshold = models.FloatField(
        default=0.80,
        validators=RATIO,
        help_text="Anomaly score at or above which an alert is critical.",
    )
    sensitivity = models.FloatField(
        default=1.0,
        validators=SENSITIVITY,
        help_text="From 0.25 to 4. Above 1, alerts are more frequent and earlier; below 1, rarer. "
        "At 2, an observation counts as twice as improbable as it is.",
    )
    mute_sudden_drop = models.BooleanField(
        "no alerts for sudden drops",
        default=False,
        help_text="Engagement that falls within a minute is not reported.",
    )
    mute_gradual_decline = models.BooleanField(
        "no alerts for gradual declines",
        default=False,
        help_text="Engagement that declines over several minutes is not reported.",
    )
    mute_mass_exit = models.BooleanField(
        "no alerts for mass exits",
        default=False,
        help_text="Many people leaving at once is not reported.",
    )
    mute_low_engagement = models.BooleanField(
        "no alerts for low engagement",
        default=False,
        help_text="Engagement below the low engagement threshold is not reported as such.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("title", "id")
        constraints = (
            # Event IDs come from the platform, stand-in IDs from sessions: two namespaces.
            models.UniqueConstraint(
                fields=["external_id", "is_stand_in"], name="event_external_id_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.title} (stand-in)" if self.is_stand_in else self.title

    def clean(self) -> None:
        problems = {}
        # No form contains both fields of the constraint, so Django does not check it.
        same = Event.objects.filter(external_id=self.external_id, is_stand_in=self.is_stand_in)
        if same.exclude(pk=self.pk).exists():
            problems["external_id"] = "An event with this ID already exists."
        if self.highest_score is not None and self.highest_score < MINIMUM_REACHABLE_SCORE:
            problems["chat_weight"] = (
                "All positive weights are 0 or nearly 0, so the score would always be 0."
            )
        for name in ("sudden_drop_threshold", "mass_exit_threshold"):
            if getattr(self, name) == 0:
                problems[name] = "Must be greater than 0."
        if _all_given(self.warning_threshold, self.critical_threshold) and (
            self.warning_threshold >= self.critical_threshold
        ):
            problems["critical_threshold"] = "Must be above the warning threshold."
        if problems:
            raise ValidationError(problems)

    @property
    def highest_score(self) -> float | None:
        """The highest score that the weights allow, in [0, 1]; None if one is missing."""
        weights = (
            self.chat_weight,
            self.poll_weight,
            self.active_users_weight,
            self.reaction_weight,
        )
        return None if None in weights else min(1.0, sum(weights))

    @property
    def score_settings(self) -> ScoreSettings:
        """The weights and saturation levels that its sessions are scored with."""
        return ScoreSettings(
            **{name: getattr(self, name) for name in ScoreSettings.__dataclass_fields__}
        )

    @property
    def detection_settings(self) -> DetectionSettings:
        """Thresholds, sensitivity and muted types of its alerts."""
        return DetectionSettings(
            **{name: getattr(self, name) for name in DetectionSettings.__dataclass_fields__}
        )
