"""Answering anomalies: the one way to acknowledge one or to judge it, and the record of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from anomalies_app.models import Anomaly, AnomalyReview, Verdict

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def may_review(user: "AbstractBaseUser | AnonymousUser | Any") -> bool:
    """Whether ``user`` is a superuser, or staff with the permission to change anomalies."""
    return user.is_active and (
        user.is_superuser or (user.is_staff and user.has_perm("anomalies_app.change_anomaly"))
    )


def acknowledge_anomaly(anomaly_id: UUID, user: Any) -> Anomaly:
    """Says that ``user`` has seen an anomaly and cares for it; the first one to do so counts.

    Raises:
        Anomaly.DoesNotExist: there is none, or ``user`` may not see it.
    """
    with transaction.atomic():
        anomaly: Anomaly = (
            Anomaly.objects.visible_to(user).select_for_update(of=("self",)).get(pk=anomaly_id)
        )
        if anomaly.acknowledged_at is None:
            anomaly.acknowledged_by, anomaly.acknowledged_at = user, timezone.now()
            anomaly.save(update_fields=["acknowledged_by", "acknowledged_at"])
            AnomalyReview.objects.create(
                anomaly_id=anomaly.pk,
                user=user,
                time=anomaly.acknowledged_at,
                from_verdict=anomaly.verdict,
                to_verdict=anomaly.verdict,
                note=anomaly.verdict_note,
                is_acknowledgement=True,
            )
    return anomaly


def review_anomalies(
    anomaly_ids: Iterable[UUID], user: Any, verdict: str, note: str | None = None
) -> int:
    """Gives anomalies a verdict and records who did it, when, and what it was before.

    Args:
        verdict: one of :class:`Verdict`, or empty to withdraw it.
        note: replaces what was noted before; None leaves it.

    Returns:
        How many have changed; the others had this verdict and note already.

    Raises:
        PermissionDenied: ``user`` may not review.
        ValueError: there is no such verdict.
    """
    if not may_review(user):
        raise PermissionDenied
    if verdict not in ("", *Verdict.values):
        raise ValueError(f"There is no verdict {verdict!r}.")
    now = timezone.now()
    with transaction.atomic():
        anomalies = Anomaly.objects.locked(list(anomaly_ids))
        reviews = [
            _judge(anomaly, user, verdict, note, now)
            for anomaly in anomalies
            if anomaly.verdict != verdict or note not in (None, anomaly.verdict_note)
        ]
        changed = {review.anomaly_id for review in reviews}
        Anomaly.objects.bulk_update(
            [anomaly for anomaly in anomalies if anomaly.pk in changed],
            ["verdict", "verdict_note", "reviewed_by", "reviewed_at"],
        )
        AnomalyReview.objects.bulk_create(reviews)
    return len(reviews)


def _judge(
    anomaly: Anomaly, user: Any, verdict: str, note: str | None, now: datetime
) -> AnomalyReview:
    review = AnomalyReview(
        anomaly_id=anomaly.pk,
        user=user,
        time=now,
        from_verdict=anomaly.verdict,
        to_verdict=verdict,
        note=anomaly.verdict_note if note is None else note,
    )
    anomaly.verdict, anomaly.verdict_note = verdict, review.note
    anomaly.reviewed_by, anomaly.reviewed_at = user, now
    return review
