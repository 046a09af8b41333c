"""Reviewing anomalies in Django admin: who may, what is recorded, what it costs."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from anomalies_app.admin.change_list import BoundedPaginator
from anomalies_app.models import Anomaly, AnomalyReview
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_event, make_notice, make_session, make_staff

pytestmark = pytest.mark.integration

LIST = "/admin/anomalies_app/anomaly/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def reviewer(cast: Cast) -> User:
    user = make_staff("reviewer", "change_anomaly")
    user.user_permissions.add(Permission.objects.get(codename="view_anomaly"))
    return user


def page_of(anomaly: Anomaly) -> str:
    return f"{LIST}{anomaly.pk}/change/"


def press(client: Client, anomaly: Anomaly, **data: str) -> int:
    """Posts the form of an anomaly; returns the status."""
    return client.post(page_of(anomaly), {"verdict_note": "", **data}).status_code


def act(client: Client, action: str, *anomalies: Anomaly) -> Any:
    data = {"action": action, "_selected_action": [str(anomaly.pk) for anomaly in anomalies]}
    return client.post(LIST, data, follow=True)


def listed(client: Client, query: str = "") -> set[Any]:
    """The keys of the listed anomalies."""
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


def verdicts() -> set[tuple[str, str, str | None]]:
    rows = Anomaly.objects.values_list("verdict", "verdict_note", "reviewed_by__username")
    return set(rows)


@pytest.mark.parametrize("name", ["admin", "reviewer"])
def test_superusers_and_staff_with_the_permission_review(
    cast: Cast, reviewer: User, anomaly: Anomaly, name: str
) -> None:
    client = logged_in(User.objects.get(username=name))
    assert "Withdraw verdict" not in client.get(page_of(anomaly)).content.decode()
    assert press(client, anomaly, verdict="FALSE_ALARM", verdict_note="A break.") == 302
    assert verdicts() == {("FALSE_ALARM", "A break.", name)}
    page = client.get(page_of(anomaly)).content.decode()
    assert f"False alarm, by {name}" in page
    assert f"{name}: Not reviewed \N{RIGHTWARDS ARROW} False alarm: A break." in page
    assert press(client, anomaly, verdict_note="A lunch break.") == 302
    assert verdicts() == {("FALSE_ALARM", "A lunch break.", name)}
    assert press(client, anomaly, verdict="") == 302
    assert verdicts() == {("", "", name)}
    assert AnomalyReview.objects.count() == 3


def test_staff_with_the_permission_to_view_only_read(cast: Cast, anomaly: Anomaly) -> None:
    client = logged_in(make_staff("reader", "view_anomaly"))
    page = client.get(page_of(anomaly))
    assert page.status_code == 200
    assert 'name="verdict"' not in page.content.decode()
    assert press(client, anomaly, verdict="CONFIRMED") == 403
    assert listed(client) == {anomaly.pk}
    act(client, "confirm", anomaly)
    assert verdicts() == {("", "", None)}
    assert not AnomalyReview.objects.exists()


def test_staff_without_a_permission_see_nothing(cast: Cast, anomaly: Anomaly) -> None:
    client = logged_in(make_staff("clerk", "view_user"))
    assert client.get(LIST).status_code == client.get(page_of(anomaly)).status_code == 403
    assert press(client, anomaly, verdict="CONFIRMED") == 403
    assert verdicts() == {("", "", None)}


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_organizers_are_sent_to_the_login_of_the_admin(
    cast: Cast, anomaly: Anomaly, name: str
) -> None:
    client = logged_in(User.objects.get(username=name))
    for path in (LIST, page_of(anomaly)):
        assert client.get(path).status_code == 302
    assert press(client, anomaly, verdict="CONFIRMED") == 302
    assert verdicts() == {("", "", None)}


def test_nobody_adds_changes_or_deletes_what_was_detected(cast: Cast, anomaly: Anomaly) -> None:
    client = logged_in(cast.admin)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{anomaly.pk}/delete/", {"post": "yes"}).status_code == 403
    forged = {"severity": "CRITICAL", "reason": "Nothing.", "type": "SUDDEN_DROP"}
    assert press(client, anomaly, verdict="CONFIRMED", **forged) == 302
    act(client, "delete_selected", anomaly)
    stored = Anomaly.objects.get()
    assert (stored.severity, stored.type) == (anomaly.severity, anomaly.type)
    assert stored.reason == anomaly.reason


def test_a_verdict_that_does_not_exist_is_refused(cast: Cast, anomaly: Anomaly) -> None:
    assert press(logged_in(cast.admin), anomaly, verdict="MAYBE") == 200
    assert verdicts() == {("", "", None)}


@pytest.mark.parametrize(
    ("action", "verdict"), [("confirm", "CONFIRMED"), ("call_false_alarm", "FALSE_ALARM")]
)
def test_many_are_judged_at_once(cast: Cast, reviewer: User, action: str, verdict: str) -> None:
    chosen = [make_anomaly(make_notice(cast.session, ago=ago)) for ago in (0, 60)]
    left = make_anomaly(make_notice(cast.bobs_session), verdict_note="kept")
    page = act(logged_in(reviewer), action, *chosen).content.decode()
    assert "2 anomalies marked as " in page
    assert verdicts() == {(verdict, "", "reviewer"), ("", "kept", None)}
    left.refresh_from_db()
    assert left.verdict == ""
    assert AnomalyReview.objects.filter(user=reviewer, to_verdict=verdict).count() == 2


def test_hostile_words_stay_text(cast: Cast) -> None:
    event = make_event(HOSTILE)
    notice = make_notice(make_session(event, HOSTILE), reason=HOSTILE)
    moved = {"signal": HOSTILE, "before": HOSTILE, "now": HOSTILE, "seconds": HOSTILE}
    metadata = {"moved": moved, "changes": [{HOSTILE: HOSTILE}]}
    anomaly = make_anomaly(notice, metadata=metadata)
    client = logged_in(cast.admin)
    press(client, anomaly, verdict="CONFIRMED", verdict_note=HOSTILE)
    for path in (LIST, page_of(anomaly)):
        assert HOSTILE not in client.get(path).content.decode()


@pytest.mark.parametrize("rows", [1, 5])
def test_the_list_takes_the_same_queries_for_any_number(
    cast: Cast, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        event = make_event(f"Event {number}")
        verdict = {"verdict": "CONFIRMED", "reviewed_by": cast.admin}
        make_anomaly(make_notice(make_session(event, "Talk")), **verdict)
    client = logged_in(cast.admin)
    # Login, user, rows, a bounded count, pictures; events and years to filter by; rates by type and
    # by event, titles of those events.
    with django_assert_num_queries(10):
        client.get(LIST)


def test_nothing_is_counted_beyond_the_bound(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    for ago in range(0, 25, 5):
        make_anomaly(make_notice(cast.session, ago=ago))
    monkeypatch.setattr("anomalies_app.admin.change_list.COUNTED_ROWS", 3)
    with django_assert_num_queries(1) as queries:
        assert BoundedPaginator(Anomaly.objects.order_by("-time"), 2).count == 3
    assert "LIMIT 3" in queries[0]["sql"]


def test_a_page_takes_the_same_queries_whatever_happened(
    cast: Cast, anomaly: Anomaly, django_assert_num_queries: Any
) -> None:
    client = logged_in(cast.admin)
    for number in range(3):
        press(client, anomaly, verdict="CONFIRMED", verdict_note=str(number))
    # Login, user, the anomaly with all that it refers to, the chart, the history.
    with django_assert_num_queries(5):
        client.get(page_of(anomaly))
