"""The querysets of this app's models: visibility, live sessions, histories."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import Avg, Count, F, Max, Min, Q, Sum

from sessions_app.queries.latest_rows import newest_of_sessions
from sessions_app.queries.time_buckets import MAXIMUM_BUCKETS, Bucket, TimeBucket, bucket_width
from sessions_app.scoring.score import CATEGORY_FLOORS, Signals

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

# Relations that assign an event to somebody. Apps above add their own when they are ready.
ASSIGNMENTS = {"organizers"}

# Of a session: the release before does not store it, there the order of its times tells.
ENDED_BY_HAND = Q(ended_at__isnull=False) & (
    Q(ended_by_hand=True) | Q(ended_by_hand__isnull=True, edited_at__gte=F("ended_at"))
)
# Session.awaits_event, in a query.
AWAITS_EVENT = Q(stand_in__isnull=False, event=F("stand_in"))


def sees_everything(user: Any) -> bool:
    """Whether ``user`` is an admin: a superuser, or staff with permission to view events."""
    return user.is_superuser or (user.is_staff and user.has_perm("sessions_app.view_event"))


class VisibleQuerySet(models.QuerySet[Any]):
    """Rows of events, each visible to whom its event is visible to.

    Attributes:
        ORGANIZERS: the look-up from a row to the organizers of its event.
    """

    ORGANIZERS: ClassVar[str]

    def visible_to(self, user: "AbstractBaseUser | AnonymousUser | Any") -> Self:
        """All rows for admins, those of their events for organizers, none for anybody else."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if sees_everything(user):
            return self
        return self.filter(**{self.ORGANIZERS: user})


class EventQuerySet(VisibleQuerySet):
    """Events."""

    ORGANIZERS = "organizers"

    def real(self) -> Self:
        """Events named by the platform or an admin, not stand-ins."""
        return self.filter(is_stand_in=False)

    def stand_ins(self) -> Self:
        """Events that stand in for the event of one session."""
        return self.filter(is_stand_in=True)

    def meant_by(self, external_id: str) -> Self:
        """The event with this ID, or else the stand-in of the session with this ID."""
        meant = self.filter(external_id=external_id).order_by("is_stand_in")
        return self.filter(pk__in=meant.values("pk")[:1])

    def unassigned(self) -> Self:
        """Those that are assigned to nobody: neither an organizer nor a program."""
        return self.filter(**{f"{name}__isnull": True for name in ASSIGNMENTS})


class SessionQuerySet(VisibleQuerySet):
    """Sessions."""

    ORGANIZERS = "event__organizers"

    def live(self) -> Self:
        """Sessions that have not ended."""
        return self.filter(ended_at__isnull=True)

    def ended(self) -> Self:
        """Sessions that have ended."""
        return self.filter(ended_at__isnull=False)


class PauseQuerySet(models.QuerySet[Any]):
    """Breaks and closings of sessions."""

    def at(self, time: datetime) -> Self:
        """Pauses in progress at ``time``."""
        return self.filter(starts_at__lte=time).not_ended_before(time)

    def not_ended_before(self, time: datetime) -> Self:
        """Pauses that end after ``time``, or have no end yet."""
        return self.filter(models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=time))

    def kinds_by_session(self, session_ids: list[int], time: datetime) -> dict[int, str]:
        """The kind of pause of each of the sessions that is paused at ``time``."""
        current = self.at(time).filter(session_id__in=session_ids)
        return dict(current.values_list("session_id", "kind"))


class PollMomentQuerySet(models.QuerySet[Any]):
    """First votes and closings of polls."""

    def latest_of_session(self, session_id: int, count: int) -> list[Any]:
        """The last ``count`` of a session, oldest first."""
        return self.latest_of_sessions([session_id], count)[session_id]

    def latest_of_sessions(self, session_ids: list[int], count: int) -> dict[int, list[Any]]:
        """The last ``count`` of each session, oldest first, by its key."""
        newest = newest_of_sessions(self.model, session_ids, count)
        return {key: newest[key][::-1] for key in session_ids}


class EngagementMetricQuerySet(models.QuerySet[Any]):
    """Rows of one session and tick each."""

    def latest_points(self, session_ids: list[int], count: int) -> dict[int, list[Any]]:
        """The last ``count`` rows of each session, oldest first, by its key."""
        newest = newest_of_sessions(self.model, session_ids, count)
        return {key: newest[key][::-1] for key in session_ids}

    def latest_of_each(self, session_ids: list[int], since: datetime) -> list[Any]:
        """The newest row of each session that has one after ``since``."""
        return list(
            self.filter(session_id__in=session_ids, time__gt=since)
            .order_by("session_id", "-time")
            .distinct("session_id")
        )

    def summaries(self, session_ids: list[int], start: datetime, end: datetime) -> dict[int, Any]:
        """``average`` score and ``peak`` of active users of each of these sessions, by key.

        Args:
            start, end: time range of all their rows, so that a hypertable reads those chunks only.
        """
        rows = (
            self.filter(session_id__in=session_ids, time__range=(start, end))
            .values("session_id")
            .annotate(average=Avg("score"), peak=Max("active_users"))
        )
        return {row["session_id"]: row for row in rows}

    def totals_of_session(self, session_id: int) -> dict[str, Any]:
        """Totals over a whole session; one query, and one for each of four extremes.

        Returns:
            Only ``points`` if there are none; otherwise also the ``average`` score, the average of
            ``active_users``, the number of ``total_users``, the sums ``chat``, ``reactions`` and
            ``votes``, the number of points in each category, and the rows with the ``highest`` and
            ``lowest`` score and with the ``most`` and ``fewest`` active users (the first of equal
            ones).
        """
        rows = self.filter(session_id=session_id)
        totals: dict[str, Any] = rows.aggregate(
            points=Count("*"),
            average=Avg("score"),
            active_users=Avg("active_users"),
            total_users=Max("total_users"),
            chat=Sum("chat_count"),
            reactions=Sum("reaction_count"),
            votes=Sum("vote_count"),
            **_points_by_category(),
        )
        if not totals["points"]:
            return {"points": 0}
        extremes = {
            "highest": "-score",
            "lowest": "score",
            "most": "-active_users",
            "fewest": "active_users",
        }
        return totals | {
            name: rows.order_by(column, "time").first() for name, column in extremes.items()
        }

    def span_of_session(self, session_id: int) -> tuple[datetime, datetime] | None:
        """Times of its first and last point; None if it has none."""
        span = self.filter(session_id=session_id).aggregate(first=Min("time"), last=Max("time"))
        return None if span["first"] is None else (span["first"], span["last"])

    def history(
        self, session_id: int, start: datetime, end: datetime, most: int = MAXIMUM_BUCKETS
    ) -> list[Bucket]:
        """The session from ``start`` to ``end``, both inclusive, oldest first; one query.

        Args:
            session_id: key of the session.
            start, end: aware.
            most: maximum number of buckets, at least 2. Buckets without points are left out.

        Raises:
            ValueError: ``end`` is before ``start``, or ``most`` below 2.
        """
        width = bucket_width(start, end, most)
        columns = {
            "points": Count("*"),
            "average": Avg("score"),
            "lowest": Min("score"),
            "highest": Max("score"),
            **{f"average_{name}": Avg(name) for name in Signals._fields},
        }
        rows = (
            self.filter(session_id=session_id, time__gte=start, time__lte=end)
            .annotate(bucket=TimeBucket(width, "time"))
            .values("bucket")
            .annotate(**columns)
            .order_by("bucket")
        )
        return [
            Bucket(
                time=row["bucket"],
                width=width,
                points=row["points"],
                average=row["average"],
                lowest=row["lowest"],
                highest=row["highest"],
                signals=Signals(*(row[f"average_{name}"] for name in Signals._fields)),
            )
            for row in rows
        ]


def _points_by_category() -> dict[str, Count]:
    """For each category, a count of the rows whose score is in its band."""
    counts, ceiling = {}, None
    for floor, name in CATEGORY_FLOORS:
        lies_in_band = Q(score__gte=floor)
        if ceiling is not None:
            lies_in_band &= Q(score__lt=ceiling)
        counts[name] = Count("time", filter=lies_in_band)
        ceiling = floor
    return counts
