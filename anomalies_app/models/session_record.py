"""What all hypertables of this app share."""

import uuid

from django.db import models
from timescale.db.models.fields import TimescaleDateTimeField

from sessions_app.models import Event, Session


class SessionRecord(models.Model):
    """A row of a hypertable that belongs to a session and a time.

    TimescaleDB allows no unique constraint without the time column, so the ID is only indexed, and
    foreign keys have no database constraint.

    ``event`` is history: the session's event at that time, which the session may have left, and
    which may have been deleted. Who may see a row, on which pages it is shown, and under which
    event it is found always follows from ``session.event``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    time = TimescaleDateTimeField(interval="7 days")
    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="%(class)s_set",
        db_constraint=False,
        db_index=False,
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True
        get_latest_by = "time"
