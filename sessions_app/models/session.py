"""A session of an event, and its pauses."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from sessions_app.models.event import Event
from sessions_app.queries.querysets import PauseQuerySet, SessionQuerySet


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
        help_text="When it ended. Set it to end the session, clear it to reopen it; pages update "
        "within seconds.",
    )
    edited_at = models.DateTimeField(
        null=True,
        editable=False,
        db_index=True,
        help_text="When it was last changed outside the scorer, so that the scorer can follow.",
    )
    # The release before does not write it, see sessions_app.queries.querysets.ENDED_BY_HAND.
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
        null=True, blank=True, db_index=True, help_text="Leave empty if the end is not known."
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
