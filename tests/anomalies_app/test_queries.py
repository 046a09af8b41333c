"""Which anomalies are open, and who may see them."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from anomalies_app.models import Anomaly
from anomalies_app.records import Change
from tests.factories import Cast, make_anomaly, make_notice, make_session, make_staff

pytestmark = pytest.mark.integration


def test_an_anomaly_is_over_when_it_or_its_session_has_ended(cast: Cast) -> None:
    closed = make_session(cast.session.event, "Yesterday", ended_at=timezone.now())
    goes_on = make_anomaly(make_notice(cast.session))
    ended = make_anomaly(make_notice(cast.bobs_session, Change.ENDED))
    left_open = make_anomaly(make_notice(closed))
    assert set(Anomaly.objects.open()) == {goes_on}
    assert set(Anomaly.objects.ended()) == {ended, left_open}


def test_anomalies_are_visible_to_those_who_see_their_session(cast: Cast) -> None:
    own, bobs = (make_anomaly(make_notice(of)) for of in (cast.session, cast.bobs_session))

    def seen_by(user: Any) -> set[Anomaly]:
        return set(Anomaly.objects.visible_to(user))

    assert seen_by(cast.alice) == {own}
    assert seen_by(cast.bob) == {bobs}
    assert seen_by(cast.charlie) == seen_by(AnonymousUser()) == set()
    assert seen_by(cast.admin) == seen_by(make_staff("reviewer", "view_event")) == {own, bobs}
    assert seen_by(make_staff("clerk", "view_user")) == set()
    cast.alice.is_active = False
    assert seen_by(cast.alice) == set()


def test_whoever_takes_over_a_session_sees_what_went_wrong_before(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    cast.session.event = cast.bobs_session.event
    cast.session.save()
    assert list(Anomaly.objects.visible_to(cast.bob)) == [anomaly]
    assert not Anomaly.objects.visible_to(cast.alice).exists()


@pytest.mark.parametrize("sessions", [1, 3])
def test_the_newest_open_anomaly_of_each_session_takes_one_query(
    cast: Cast, sessions: int, django_assert_num_queries: Any
) -> None:
    expected = {}
    for number in range(sessions):
        session = make_session(cast.session.event, f"Talk {number}")
        make_anomaly(make_notice(session, ago=300))
        make_anomaly(make_notice(session, Change.ENDED, ago=60))
        expected[session.pk] = make_anomaly(make_notice(session, ago=100))
    calm = make_session(cast.session.event, "Calm")
    make_anomaly(make_notice(cast.bobs_session))
    with django_assert_num_queries(1):
        found = Anomaly.objects.latest_open_by_session([*expected, calm.pk])
    assert found == expected


def test_the_last_anomalies_of_a_session_come_newest_first(cast: Cast) -> None:
    anomalies = [make_anomaly(make_notice(cast.session, ago=ago)) for ago in (60, 10, 30)]
    make_anomaly(make_notice(cast.bobs_session))
    latest = Anomaly.objects.latest_of_sessions([cast.session.pk], 2)[cast.session.pk]
    assert latest == [anomalies[1], anomalies[2]]
