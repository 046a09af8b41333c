"""What is measured of a session: its engagement at each tick, and the moments of its polls."""

from django.db import models
from timescale.db.models.fields import TimescaleDateTimeField

from sessions_app.models.session import Session
from sessions_app.queries.querysets import EngagementMetricQuerySet, PollMomentQuerySet
from sessions_app.scoring.score import Signals, category
from sessions_app.state.poll_notices import PollMomentKind


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
    chat_count = models.IntegerField(help_text="Chat messages in this tick.")
    reaction_count = models.IntegerField(help_text="Reactions in this tick.")
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
