"""Finished sessions: whose, in which order, and what became of them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from anomalies_app.records import Change
from dashboard.pages.finished import PER_PAGE
from sessions_app.models import Session
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_event, make_metrics, make_notice, make_session

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


def finish(session: Session, hours_ago: int = 0) -> Session:
    """Ends a session, which began an hour before."""
    session.ended_at = timezone.now() - hours_ago * HOUR
    session.started_at = session.ended_at - HOUR
    session.save()
    return session


def rows(user: object, query: str = "") -> list[str]:
    """The words of each row of the page."""
    page = logged_in(user).get(f"/finished/{query}").content.decode()
    found = re.findall(r'<li data-session="\d+".*?</li>', page, flags=re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in found]


def titles(user: object, query: str = "") -> list[str]:
    return [row.split(" ", maxsplit=1)[0] for row in rows(user, query)]


def test_everybody_sees_the_finished_sessions_of_their_own_events(cast: Cast) -> None:
    finish(cast.session)
    finish(cast.bobs_session, hours_ago=1)
    make_session(cast.session.event, "Live")
    assert titles(cast.alice) == ["Keynote"]
    assert titles(cast.bob) == ["Panel"]
    assert titles(cast.charlie) == []
    assert titles(cast.admin) == ["Keynote", "Panel"]


def test_a_row_tells_what_became_of_a_session(cast: Cast) -> None:
    session = finish(cast.session)
    make_metrics(session, [0.5, 0.6, 0.7], session.ended_at)
    for ago in (600, 1_200):
        make_anomaly(make_notice(session, Change.ENDED, ago=ago))
    ended = f"{session.ended_at:%-d %b %Y %H:%M} UTC"
    assert rows(cast.alice) == [
        f"Keynote Alice's conference {ended} ran 1:00:00 60 % on average High "
        "120 people at peak 2 alerts"
    ]


def test_a_session_without_a_score_says_so(cast: Cast) -> None:
    finish(cast.session)
    [row] = rows(cast.alice)
    assert row.endswith("never scored no alerts")


def test_the_newest_come_first_a_page_at_a_time(cast: Cast) -> None:
    for number in range(PER_PAGE + 2):
        finish(make_session(cast.session.event, f"Talk{number:02}"), hours_ago=number)
    expected = [f"Talk{number:02}" for number in range(PER_PAGE + 2)]
    assert titles(cast.alice) == titles(cast.alice, "?page=x") == expected[:PER_PAGE]
    assert titles(cast.alice, "?page=2") == titles(cast.alice, "?page=99") == expected[PER_PAGE:]
    page = logged_in(cast.alice).get("/finished/?q=talk&page=1").content.decode()
    assert 'href="?q=talk&amp;page=2" rel="next"' in page


def test_the_address_filters(cast: Cast) -> None:
    other = make_event("Other", cast.alice)
    finish(cast.session)
    finish(make_session(other, "Workshop"), hours_ago=1)
    finish(cast.bobs_session)
    assert titles(cast.alice, f"?event={other.pk}") == ["Workshop"]
    assert titles(cast.alice, "?q=other+WORK") == ["Workshop"]
    assert titles(cast.alice, "?q=nothing") == []
    everything = ["Keynote", "Workshop"]
    assert titles(cast.alice, f"?event={cast.bobs_session.event_id}") == everything
    assert titles(cast.alice, f"?event={10**30}&page=-1") == everything


@pytest.mark.parametrize("sessions", [1, 3])
def test_it_takes_the_same_queries_for_any_number_of_sessions(
    cast: Cast, sessions: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(sessions):
        session = finish(make_session(make_event("Event", cast.charlie), f"Talk {number}"))
        make_metrics(session, [0.5], session.ended_at)
        make_anomaly(make_notice(session))
    client = logged_in(cast.charlie)
    # Login, user, number of sessions, sessions, averages, anomalies, events to choose from.
    with django_assert_num_queries(7):
        client.get("/finished/")
