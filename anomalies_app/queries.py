"""Which anomalies are open, and who may see them."""

from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models

from sessions_app.queries import sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class AnomalyQuerySet(models.QuerySet[Any]):
    """Anomalies. One that was left open by a session that is over, is over with it."""

    def visible_to(self, user: "AbstractBaseUser | AnonymousUser | Any") -> Self:
        """Those of the sessions that are visible to ``user``."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if sees_everything(user):
            return self
        return self.filter(session__event__organizers=user)

    def open(self) -> Self:
        """Those that go on, in sessions that go on."""
        return self.filter(ended_at__isnull=True, session__ended_at__isnull=True)

    def over(self) -> Self:
        """All others."""
        return self.exclude(ended_at__isnull=True, session__ended_at__isnull=True)

    def with_status(self, status: str) -> Self:
        """Those whose :attr:`Anomaly.status` is ``status``."""
        if status in ("OPEN", "ACKNOWLEDGED"):
            return self.filter(verdict="", acknowledged_at__isnull=status == "OPEN")
        return self.filter(verdict=status)

    def latest_open_by_session(self, session_ids: list[int]) -> dict[int, Any]:
        """The newest open anomaly of each of these sessions that has one."""
        newest = (
            self.open()
            .filter(session_id__in=session_ids)
            .select_related("acknowledged_by")
            .order_by("session_id", "-time")
            .distinct("session_id")
        )
        return {anomaly.session_id: anomaly for anomaly in newest}

    def latest_of_session(self, session_id: int, count: int) -> list[Any]:
        """The last ``count`` anomalies of a session, newest first."""
        newest = self.filter(session_id=session_id).order_by("-time")[:count]
        return list(newest.select_related("acknowledged_by"))

    def counts_by_session(self, session_ids: list[int]) -> dict[int, int]:
        """How many anomalies each of these sessions had, where it had one."""
        rows = self.filter(session_id__in=session_ids).values_list("session_id")
        return dict(rows.annotate(models.Count("pk")))

    def locked(self, ids: list[UUID]) -> list[Any]:
        """Those with these IDs, which nobody else can change until the transaction ends."""
        return list(self.filter(pk__in=ids).order_by("pk").select_for_update())
