"""Events, their sessions, and how engaged each session was at each tick."""

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
# A room that does all it can must be told from one that does nothing.
LEAST_HIGHEST_SCORE = 0.01
RATE = (MinValueValidator(1.0), MaxValueValidator(100_000.0))


def _both_known(*values: float | None) -> bool:
    # A form leaves out what was no number at all, and says so itself.
    return None not in values


class Event(models.Model):
    """Something an organizer runs: a conference, a series of webinars."""

    external_id = models.CharField(
        max_length=255, help_text="The platform's event ID; of a stand-in, its session's ID."
    )
    is_stand_in = models.BooleanField(
        "stand-in",
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether it stands in for the event of one session, of which the platform has "
        "named none. The ID is then the session's, and has nothing to do with IDs of events.",
    )
    title = models.CharField(max_length=255)
    organizers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="events",
        help_text="Who sees this event. Without organizers, only admins do.",
    )
    chat_weight = models.FloatField(
        default=0.30,
        validators=RATIO,
        help_text="What a full chat adds to the score. Half as much is reached with few messages: "
        "it counts logarithmically.",
    )
    poll_weight = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="Added times the share of those present who voted in an open poll.",
    )
    active_users_weight = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="Added times the share of all who came that is active now.",
    )
    reaction_weight = models.FloatField(
        default=0.10, validators=RATIO, help_text="What full reactions add, logarithmically."
    )
    leave_weight = models.FloatField(
        default=0.10, validators=RATIO, help_text="Subtracted, times the leave rate."
    )
    chat_saturation = models.FloatField(
        default=20.0, validators=RATE, help_text="Chat messages per minute that count as full."
    )
    reaction_saturation = models.FloatField(
        default=10.0, validators=RATE, help_text="Reactions per minute that count as full."
    )
    sudden_drop_threshold = models.FloatField(
        default=0.25,
        validators=RATIO,
        help_text="How far engagement must fall below what this session leads to expect, as a "
        "share of it: 0.25 is a quarter. Lower raises alerts on smaller falls.",
    )
    mass_exit_threshold = models.FloatField(
        default=0.15,
        validators=RATIO,
        help_text="Share of the audience that must leave within a minute. Lower raises alerts on "
        "smaller exits.",
    )
    low_engagement_threshold = models.FloatField(
        default=0.20,
        validators=RATIO,
        help_text="A fall to a score below this, for a minute, is reported as low engagement.",
    )
    warning_threshold = models.FloatField(
        default=0.60,
        validators=RATIO,
        help_text="Anomaly score, from 0 (ordinary) to 1, from which there is a warning.",
    )
    critical_threshold = models.FloatField(
        default=0.80, validators=RATIO, help_text="Anomaly score from which it is critical."
    )
    sensitivity = models.FloatField(
        default=1.0,
        validators=SENSITIVITY,
        help_text="Above 1 raises more alerts and raises them sooner, below 1 fewer: 0.25 to 4. "
        "What happens counts as this many times as improbable as it is.",
    )
    mute_sudden_drop = models.BooleanField(
        "no alerts of sudden drops",
        default=False,
        help_text="Engagement that falls within a minute is not reported.",
    )
    mute_gradual_decline = models.BooleanField(
        "no alerts of gradual declines",
        default=False,
        help_text="Engagement that fades over minutes is not reported.",
    )
    mute_mass_exit = models.BooleanField(
        "no alerts of mass exits",
        default=False,
        help_text="Many people leaving at once is not reported.",
    )
    mute_low_engagement = models.BooleanField(
        "no alerts of low engagement",
        default=False,
        help_text="Engagement that falls below the threshold of low engagement is not reported as "
        "such.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("title", "id")
        constraints = (
            # Events are named by the platform, stand-ins by their sessions: IDs of two kinds.
            models.UniqueConstraint(
                fields=["external_id", "is_stand_in"], name="event_external_id_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.title} (stand-in)" if self.is_stand_in else self.title

    def clean(self) -> None:
        problems = {}
        # No form has both fields of the constraint, so that Django leaves it to the database.
        same = Event.objects.filter(external_id=self.external_id, is_stand_in=self.is_stand_in)
        if same.exclude(pk=self.pk).exists():
            problems["external_id"] = "There is an event with this ID."
        if self.highest_score is not None and self.highest_score < LEAST_HIGHEST_SCORE:
            problems["chat_weight"] = (
                "The weights that add to the score are 0 or next to it: it would stay 0."
            )
        for name in ("sudden_drop_threshold", "mass_exit_threshold"):
            if getattr(self, name) == 0:
                problems[name] = "Must be more than 0: what does not happen is no alert."
        if _both_known(self.warning_threshold, self.critical_threshold) and (
            self.warning_threshold >= self.critical_threshold
        ):
            problems["critical_threshold"] = "Must be above the threshold of a warning."
        if problems:
            raise ValidationError(problems)

    @property
    def highest_score(self) -> float | None:
        """What the weights allow at most, in [0, 1]; None where one of them is missing."""
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
        """What it wants to be alerted of."""
        return DetectionSettings(
            **{name: getattr(self, name) for name in DetectionSettings.__dataclass_fields__}
        )


class Session(models.Model):
    """One talk, workshop or webinar of an event."""

    external_id = models.CharField(
        max_length=255, unique=True, help_text="The platform's session ID."
    )
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="sessions")
    # Without a constraint in the database: the version before deletes stand-ins and knows nothing
    # of this reference.
    stand_in = models.ForeignKey(
        Event,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="The event of its own that stands in until the platform has named one.",
    )
    title = models.CharField(max_length=255)
    started_at = models.DateTimeField(help_text="When it was first heard of.")
    last_seen_at = models.DateTimeField(help_text="When it was last heard of, to the minute.")
    ended_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text="Since when it is over. Set it to end the session, clear it to open it again; "
        "the pages follow within seconds.",
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

        In the stand-in of another session it does not wait: somebody has put it there.
        """
        return self.stand_in_id == self.event_id


class PauseKind(models.TextChoices):
    """What a session does meanwhile."""

    BREAK = "BREAK", "Break"
    CLOSING = "CLOSING", "Closing"


class Pause(models.Model):
    """A time in which people may leave and fall silent without an alert."""

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
    """A poll's first vote, or its end; who voted for what is not stored.

    The reference carries no database constraint: the session may just have been deleted.
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
    """What a session's 60 seconds before ``time`` were like, and what its last 5 seconds added.

    The references carry no database constraint: it would be checked once per row and tick.
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
    vote_count = models.IntegerField(help_text="Users who voted on a poll for the first time.")

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
    """Which database this is, and how far it has got: one row.

    See :mod:`sessions_app.shards.database_epochs`.

    Attributes:
        epoch: another one since the database went back in time, so that keys mean something else.
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
