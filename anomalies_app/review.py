"""Reviewing anomalies: the one way to acknowledge them or to give a verdict, with its history."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from anomalies_app.models import Anomaly, AnomalyReview, Verdict

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


# Sent with ``anomaly_ids`` once their acknowledgement is stored, so that open pages can be updated.
acknowledged = Signal()


def may_review(user: "AbstractBaseUser | AnonymousUser | Any") -> bool:
    """Whether ``user`` is a superuser, or staff with the permission to change anomalies."""
    return user.is_active and (
        user.is_superuser or (user.is_staff and user.has_perm("anomalies_app.change_anomaly"))
    )


def acknowledge_anomaly(anomaly_id: UUID, user: Any) -> Anomaly:
    """Notes that ``user`` has seen an anomaly and takes care of it; the first one to do so counts.

    To be called outside a transaction: it sends :data:`acknowledged` after its own.

    Raises:
        Anomaly.DoesNotExist: it does not exist, or ``user`` may not see it.
    """
    with transaction.atomic():
        anomaly: Anomaly = (
            Anomaly.objects.visible_to(user)
            .select_related("session")
            .select_for_update(of=("self",))
            .get(pk=anomaly_id)
        )
        _acknowledge([anomaly], user)
    acknowledged.send_robust(Anomaly, anomaly_ids=[anomaly.pk])
    return anomaly


def acknowledge_anomalies(anomaly_ids: Iterable[UUID], user: Any) -> int:
    """Acknowledges many at once; to be called outside a transaction.

    Returns:
        How many had not been acknowledged before.

    Raises:
        PermissionDenied: ``user`` may not review.
    """
    if not may_review(user):
        raise PermissionDenied
    with transaction.atomic():
        changed = _acknowledge(Anomaly.objects.locked(list(anomaly_ids)), user)
    # Ended ones may be thousands: pages get those with their next snapshot.
    ongoing = [anomaly.pk for anomaly in changed if anomaly.ended_at is None]
    acknowledged.send_robust(Anomaly, anomaly_ids=ongoing)
    return len(changed)


def _acknowledge(anomalies: Iterable[Anomaly], user: Any) -> list[Anomaly]:
    now = timezone.now()
    changed = [anomaly for anomaly in anomalies if anomaly.acknowledged_at is None]
    for anomaly in changed:
        anomaly.acknowledged_by, anomaly.acknowledged_at = user, now
    Anomaly.objects.filter(pk__in=[anomaly.pk for anomaly in changed]).update(
        acknowledged_by=user, acknowledged_at=now
    )
    AnomalyReview.objects.bulk_create(
        AnomalyReview(
            anomaly_id=anomaly.pk,
            user=user,
            time=now,
            from_verdict=anomaly.verdict,
            to_verdict=anomaly.verdict,
            note=anomaly.verdict_note,
            is_acknowledgement=True,
        )
        for anomaly in changed
    )
    return changed


def review_anomalies(
    anomaly_ids: Iterable[UUID], user: Any, verdict: str, note: str | None = None
) -> int:
    """Gives anomalies a verdict, and records who did it, when, and what it was before.

    Args:
        verdict: one of :class:`Verdict`, or empty to withdraw it.
        note: replaces the note; None leaves it unchanged.

    Returns:
        How many have changed; the others already had this verdict and note.

    Raises:
        PermissionDenied: ``user`` may not review.
        ValueError: there is no such verdict.
    """
    if not may_review(user):
        raise PermissionDenied
    if verdict not in ("", *Verdict.values):
        raise ValueError(f"There is no verdict {verdict!r}.")
    now = timezone.now()
    values = {"verdict": verdict, "reviewed_by": user, "reviewed_at": now}
    if note is not None:
        values["verdict_note"] = note
    with transaction.atomic():
        reviews = [
            AnomalyReview(
                anomaly_id=anomaly.pk,
                user=user,
                time=now,
                from_verdict=anomaly.verdict,
                to_verdict=verdict,
                note=anomaly.verdict_note if note is None else note,
            )
            for anomaly in Anomaly.objects.locked(list(anomaly_ids))
            if anomaly.verdict != verdict or note not in (None, anomaly.verdict_note)
        ]
        changed = [review.anomaly_id for review in reviews]
        Anomaly.objects.filter(pk__in=changed).update(**values)
        AnomalyReview.objects.bulk_create(reviews)
    return len(reviews)
