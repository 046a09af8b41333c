"""Events, their sessions, and each session's engagement at each tick."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from timescale.db.models.fields import TimescaleDateTimeField

from sessions_app.queries.querysets import (
    EngagementMetricQuerySet,
    EventQuerySet,
    PauseQuerySet,
    PollMomentQuerySet,
    SessionQuerySet,
)
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, Signals, category
from sessions_app.state.poll_notices import PollMomentKind

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
        help_text="What is subtracted if everybody leaves; in proportion to the leave rate.",
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
        help_text="A fall to a score below this for a minute is reported as low engagement.",
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
        "Observations are treated as this many times as improbable as they are.",
    )
    mute_sudden_drop = models.BooleanField(
        "no alerts of sudden drops",
        default=False,
        help_text="Engagement that falls within a minute is not reported.",
    )
    mute_gradual_decline = models.BooleanField(
        "no alerts of gradual declines",
        default=False,
        help_text="Engagement that declines over several minutes is not reported.",
    )
    mute_mass_exit = models.BooleanField(
        "no alerts of mass exits",
        default=False,
        help_text="Many people leaving at once is not reported.",
    )
    mute_low_engagement = models.BooleanField(
        "no alerts of low engagement",
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
            problems["external_id"] = "An event with this ID exists already."
        if self.highest_score is not None and self.highest_score < MINIMUM_REACHABLE_SCORE:
            problems["chat_weight"] = (
                "The weights that add to the score are 0 or nearly 0: the score would stay 0."
            )
        for name in ("sudden_drop_threshold", "mass_exit_threshold"):
            if getattr(self, name) == 0:
                problems[name] = "Must be more than 0: a fall of nothing is no alert."
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


class Session(models.Model):
    """One talk, workshop or webinar of an event."""

    external_id = models.CharField(
        max_length=255, unique=True, help_text="The platform's session ID."
    )
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="sessions")
    # Without a database constraint: the release before deletes stand-ins without knowing of this
    # reference.
    stand_in = models.ForeignKey(
        Event,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Its own stand-in, used until the platform names its event.",
    )
    title = models.CharField(max_length=255)
    started_at = models.DateTimeField(help_text="When it was first seen.")
    last_seen_at = models.DateTimeField(help_text="When it was last seen, to the minute.")
    ended_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text="When it ended. Set it to end the session, clear it to reopen it; pages follow "
        "within seconds.",
    )
    edited_at = models.DateTimeField(
        null=True,
        editable=False,
        db_index=True,
        help_text="When it was last changed outside the scorer, so that the scorer can follow.",
    )
    # The release before leaves it empty, see sessions_app.queries.querysets.ENDED_BY_HAND.
    ended_by_hand = models.BooleanField(
        null=True,
        editable=False,
        help_text="Whether somebody ended it by hand. Empty while it is live.",
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "id")
        indexes = (models.Index(fields=["event", "ended_at"]),)
        constraints = (models.UniqueConstraint(fields=["stand_in"], name="session_stand_in_once"),)
        permissions = (("view_system", "Can see the system page"),)

    def __str__(self) -> str:
        return self.title

    def save_edit(self, *fields: str) -> None:
        """Saves these fields as changed by hand, so that the scorer follows.

        ``ended_by_hand`` goes with ``ended_at``.
        """
        self.edited_at = timezone.now()
        edited = {*fields, "edited_at"}
        if "ended_at" in edited:
            self.ended_by_hand = True if self.is_over else None
            edited.add("ended_by_hand")
        self.save(update_fields=edited)

    def clean(self) -> None:
        if self.ended_at is None:
            return
        if self.ended_at > timezone.now():
            raise ValidationError({"ended_at": "Must not be in the future."})
        if self.started_at and self.ended_at < self.started_at:
            raise ValidationError({"ended_at": "Must not be before the start."})

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def awaits_event(self) -> bool:
        """Whether its event is its own stand-in, which the first event that is named replaces.

        False in another session's stand-in, where somebody must have put it.
        """
        return self.stand_in_id == self.event_id


class PauseKind(models.TextChoices):
    """The kind of a pause."""

    BREAK = "BREAK", "Break"
    CLOSING = "CLOSING", "Closing"


class Pause(models.Model):
    """A period in which people may leave or fall silent without an alert."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="pauses")
    kind = models.CharField(max_length=10, choices=PauseKind.choices, default=PauseKind.BREAK)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="Empty: until further notice."
    )
    note = models.CharField(max_length=255, blank=True)

    objects = PauseQuerySet.as_manager()

    class Meta:
        ordering = ("starts_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="pause_ends_after_it_starts",
                violation_error_message="A pause must end after it starts.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} from {self.starts_at:%H:%M}"


class PollMoment(models.Model):
    """A poll's first vote or its closing; individual votes are not stored.

    The reference has no database constraint: the session may just have been deleted.
    """

    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="poll_moments",
        db_constraint=False,
        db_index=False,
    )
    poll_id = models.CharField(max_length=255, help_text="The platform's poll ID.")
    kind = models.CharField(
        max_length=10, choices=[(kind.value, kind.label) for kind in PollMomentKind]
    )
    time = models.DateTimeField(db_index=True, help_text="The end of its tick.")
    voters = models.IntegerField(help_text="People who had voted by then.")
    present = models.IntegerField(help_text="People who were active at the first vote.")

    objects = PollMomentQuerySet.as_manager()

    class Meta:
        ordering = ("time", "id")
        constraints = (
            models.UniqueConstraint(fields=["session", "poll_id", "kind"], name="poll_moment_once"),
        )
        indexes = (models.Index(fields=["session", "time"], name="poll_moment_session_time"),)

    def __str__(self) -> str:
        return f"{self.poll_id}: {self.kind} at {self.time:%H:%M:%S}"


class EngagementMetric(models.Model):
    """A session's signals over the 60 seconds before ``time``, and the counts of its last 5.

    The reference has no database constraint, which would be checked for every row and tick.
    """

    pk = models.CompositePrimaryKey("session_id", "time")
    time = TimescaleDateTimeField(interval="1 day")
    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="metrics",
        db_constraint=False,
        db_index=False,
    )
    score = models.FloatField()
    chat_msgs_per_min = models.FloatField()
    poll_participation = models.FloatField()
    active_users = models.IntegerField()
    total_users = models.IntegerField()
    reactions_per_min = models.FloatField()
    user_leave_rate = models.FloatField()
    chat_count = models.IntegerField(help_text="Chat messages of this tick.")
    reaction_count = models.IntegerField(help_text="Reactions of this tick.")
    join_count = models.IntegerField(help_text="Users who joined in this tick.")
    leave_count = models.IntegerField(help_text="Users who left in this tick.")
    vote_count = models.IntegerField(
        help_text="Users who cast their first vote on a poll in this tick."
    )

    objects = EngagementMetricQuerySet.as_manager()

    class Meta:
        db_table = "engagement_metrics"

    def __str__(self) -> str:
        return f"{self.session_id} at {self.time:%H:%M:%S}: {self.score:.2f}"

    @property
    def signals(self) -> Signals:
        return Signals(*(getattr(self, name) for name in Signals._fields))

    @property
    def category(self) -> str:
        return category(self.score)


class DatabaseEpoch(models.Model):
    """Identity and progress of this database: a single row.

    See :mod:`sessions_app.shards.database_epochs`.

    Attributes:
        epoch: replaced when the database went back in time, so that keys mean something else.
        mark: grows with every tick.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.UUIDField(default=uuid.uuid4)
    mark = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_database_epoch"),)

    def __str__(self) -> str:
        return str(self.epoch)
