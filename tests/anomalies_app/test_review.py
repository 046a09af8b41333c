"""Acknowledgements and verdicts: who may give them, and what is recorded."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from anomalies_app.models import Anomaly, AnomalyReview, Status, Verdict
from anomalies_app.review import (
    acknowledge_anomalies,
    acknowledge_anomaly,
    may_review,
    review_anomalies,
)
from tests.factories import Cast, make_anomaly, make_notice, make_session, make_staff, make_user

pytestmark = pytest.mark.integration


def reviews(anomaly: Anomaly) -> list[tuple[str, str, str, str]]:
    """Who changed what to what with which note, oldest first."""
    rows = AnomalyReview.objects.filter(anomaly_id=anomaly.pk).order_by("time", "id")
    return list(rows.values_list("user__username", "from_verdict", "to_verdict", "note"))


def test_superusers_and_staff_with_the_permission_may_review(cast: Cast) -> None:
    reviewer = make_staff("reviewer", "change_anomaly")
    assert may_review(cast.admin)
    assert may_review(reviewer)
    assert not may_review(make_staff("reader", "view_anomaly"))
    assert not may_review(cast.alice)
    reviewer.is_staff = False
    assert not may_review(reviewer)
    cast.admin.is_active = False
    assert not may_review(cast.admin)


def test_a_verdict_is_kept_with_who_and_when(cast: Cast, anomaly: Anomaly) -> None:
    before = timezone.now()
    assert review_anomalies([anomaly.pk], cast.admin, Verdict.FALSE_ALARM, "A planned break.") == 1
    anomaly.refresh_from_db()
    assert (anomaly.verdict, anomaly.verdict_note) == ("FALSE_ALARM", "A planned break.")
    assert anomaly.reviewed_by == cast.admin
    assert anomaly.reviewed_at is not None
    assert before <= anomaly.reviewed_at <= timezone.now()
    assert reviews(anomaly) == [("admin", "", "FALSE_ALARM", "A planned break.")]


def test_every_change_of_mind_is_recorded(cast: Cast, anomaly: Anomaly) -> None:
    reviewer = make_staff("reviewer", "change_anomaly")
    review_anomalies([anomaly.pk], cast.admin, Verdict.FALSE_ALARM, "A break?")
    review_anomalies([anomaly.pk], reviewer, Verdict.CONFIRMED)
    review_anomalies([anomaly.pk], reviewer, "", "")
    assert reviews(anomaly) == [
        ("admin", "", "FALSE_ALARM", "A break?"),
        ("reviewer", "FALSE_ALARM", "CONFIRMED", "A break?"),
        ("reviewer", "CONFIRMED", "", ""),
    ]


def test_a_verdict_that_is_there_already_changes_nothing(cast: Cast, anomaly: Anomaly) -> None:
    review_anomalies([anomaly.pk], cast.admin, Verdict.CONFIRMED, "Many left.")
    other = make_user("other", is_staff=True, is_superuser=True)
    assert review_anomalies([anomaly.pk], other, Verdict.CONFIRMED) == 0
    assert review_anomalies([anomaly.pk], other, Verdict.CONFIRMED, "Many left.") == 0
    anomaly.refresh_from_db()
    assert anomaly.reviewed_by == cast.admin
    assert len(reviews(anomaly)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_many_verdicts_take_the_same_queries(
    cast: Cast, count: int, django_assert_num_queries: Any
) -> None:
    sessions = [make_session(cast.session.event, f"Talk {number}") for number in range(count)]
    ids = [make_anomaly(make_notice(session)).pk for session in sessions]
    with django_assert_num_queries(5):  # begin, select, update, insert, commit, tell
        assert review_anomalies(ids, cast.admin, Verdict.CONFIRMED) == count
    assert AnomalyReview.objects.count() == count


def test_nothing_is_changed_by_those_who_may_not(cast: Cast, anomaly: Anomaly) -> None:
    for user in (cast.alice, make_staff("reader", "view_anomaly")):
        with pytest.raises(PermissionDenied):
            review_anomalies([anomaly.pk], user, Verdict.CONFIRMED)
    with pytest.raises(ValueError, match="no verdict"):
        review_anomalies([anomaly.pk], cast.admin, "MAYBE")
    anomaly.refresh_from_db()
    assert anomaly.verdict == ""
    assert reviews(anomaly) == []


def test_unknown_anomalies_are_left_out(cast: Cast, anomaly: Anomaly) -> None:
    assert review_anomalies([uuid4(), anomaly.pk], cast.admin, Verdict.CONFIRMED) == 1


def test_the_first_to_acknowledge_counts_and_is_recorded(cast: Cast, anomaly: Anomaly) -> None:
    before = timezone.now()
    acknowledge_anomaly(anomaly.pk, cast.alice)
    acknowledge_anomaly(anomaly.pk, cast.admin)
    anomaly.refresh_from_db()
    assert anomaly.acknowledged_by == cast.alice
    assert anomaly.acknowledged_at is not None
    assert before <= anomaly.acknowledged_at <= timezone.now()
    (record,) = AnomalyReview.objects.filter(anomaly_id=anomaly.pk)
    assert (record.user, record.is_acknowledgement) == (cast.alice, True)
    assert record.time == anomaly.acknowledged_at


def test_nobody_acknowledges_what_they_may_not_see(cast: Cast, anomaly: Anomaly) -> None:
    for anomaly_id, user in ((anomaly.pk, cast.bob), (uuid4(), cast.admin)):
        with pytest.raises(Anomaly.DoesNotExist):
            acknowledge_anomaly(anomaly_id, user)
    anomaly.refresh_from_db()
    assert anomaly.acknowledged_at is None


@pytest.mark.parametrize("count", [1, 3])
def test_many_are_acknowledged_with_the_same_queries(
    cast: Cast, count: int, django_assert_num_queries: Any
) -> None:
    reviewer = make_staff("reviewer", "change_anomaly")
    sessions = [make_session(cast.session.event, f"Talk {number}") for number in range(count)]
    ids = [make_anomaly(make_notice(session)).pk for session in sessions]
    seen = make_anomaly(make_notice(cast.session))
    acknowledge_anomaly(seen.pk, cast.alice)
    reviewer.has_perm("anomalies_app.change_anomaly")
    with django_assert_num_queries(6):  # begin, select, update, insert, commit, tell
        assert acknowledge_anomalies([*ids, seen.pk, uuid4()], reviewer) == count
    by_user = Anomaly.objects.values_list("pk", "acknowledged_by__username")
    assert dict(by_user) == {**dict.fromkeys(ids, "reviewer"), seen.pk: "alice"}
    records = AnomalyReview.objects.filter(user=reviewer, is_acknowledgement=True)
    assert {record.anomaly_id for record in records} == set(ids)


def test_only_those_who_review_acknowledge_many(cast: Cast, anomaly: Anomaly) -> None:
    for user in (cast.alice, make_staff("reader", "view_anomaly")):
        with pytest.raises(PermissionDenied):
            acknowledge_anomalies([anomaly.pk], user)
    anomaly.refresh_from_db()
    assert anomaly.acknowledged_at is None


def test_the_status_is_the_furthest_that_people_have_got(cast: Cast, anomaly: Anomaly) -> None:
    def status() -> Status:
        anomaly.refresh_from_db()
        found = [each for each in Status if Anomaly.objects.with_status(each).exists()]
        assert found == [anomaly.status]
        return anomaly.status

    assert status() is Status.OPEN
    acknowledge_anomaly(anomaly.pk, cast.alice)
    assert status() is Status.ACKNOWLEDGED
    for verdict in Verdict:
        review_anomalies([anomaly.pk], cast.admin, verdict)
        assert status().value == verdict.value
    review_anomalies([anomaly.pk], cast.admin, "")
    assert status() is Status.ACKNOWLEDGED
