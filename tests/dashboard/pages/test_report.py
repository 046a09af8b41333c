"""The report of a session: figures, levels, polls, breaks, alerts and their reviews."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from anomalies_app.models import Anomaly
from anomalies_app.review import acknowledge_anomaly
from dashboard.pages.report import session_report
from sessions_app.models import EngagementMetric, Pause, PauseKind, Session
from tests.factories import (
    TICK,
    Cast,
    make_anomaly,
    make_metrics,
    make_notice,
    make_poll_moment,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
SCORES = [0.1, 0.3, 0.5, 0.5, 0.7, 0.9]


@pytest.fixture
def finished(cast: Cast) -> Session:
    session = cast.session
    make_metrics(session, SCORES, end=START + TICK * len(SCORES))
    session.started_at, session.ended_at = START, START + timedelta(minutes=1)
    session.save()
    return session


def page(client: Client, cast: Cast, session: Session) -> str:
    client.force_login(cast.alice)
    return client.get(reverse("report", args=[session.pk])).content.decode()


def test_figures_are_of_the_whole_session(finished: Session) -> None:
    rows = EngagementMetric.objects.filter(session=finished)
    rows.filter(score=0.3).update(active_users=500, chat_count=7, vote_count=2)
    rows.filter(score=0.9).update(active_users=1, reaction_count=4, total_users=900)
    figures = session_report(finished)["figures"]
    assert figures["average"] == pytest.approx(0.5)
    assert figures["category"] == "MODERATE"
    assert (figures["lowest"]["score"], figures["highest"]["score"]) == (0.1, 0.9)
    assert figures["highest"]["time"] == (START + TICK * 6).timestamp() * 1000
    assert (figures["most"]["count"], figures["fewest"]["count"]) == (500, 1)
    assert (figures["chat"], figures["reactions"], figures["votes"]) == (7, 4, 2)
    assert figures["total_users"] == 900


def test_levels_add_up_to_the_time_that_was_scored(finished: Session) -> None:
    levels = session_report(finished)["levels"]
    assert [(level["category"], level["length"]) for level in levels] == [
        ("VERY_HIGH", 5_000),
        ("HIGH", 5_000),
        ("MODERATE", 10_000),
        ("LOW", 5_000),
        ("VERY_LOW", 5_000),
    ]
    assert sum(level["share"] for level in levels) == pytest.approx(1)


def test_each_poll_stands_there_once_with_all_who_voted(finished: Session) -> None:
    make_poll_moment(finished, "p1", "FIRST_VOTE", START + TICK)
    make_poll_moment(finished, "p1", "CLOSED", START + 3 * TICK)
    make_poll_moment(finished, "p2", "FIRST_VOTE", START + 4 * TICK)
    first, second = session_report(finished)["polls"]
    assert (first["poll"], first["voters"], first["present"]) == ("p1", 85, 120)
    assert first["closed"] - first["began"] == 10_000
    assert (second["poll"], second["closed"], second["voters"]) == ("p2", None, 1)


def test_it_tells_what_was_done_about_alerts(client: Client, cast: Cast, finished: Session) -> None:
    anomaly = make_anomaly(make_notice(finished), time=START + TICK)
    assert "Not acknowledged or reviewed" in page(client, cast, finished)
    acknowledge_anomaly(anomaly.pk, cast.alice)
    Anomaly.objects.filter(pk=anomaly.pk).update(
        verdict="FALSE_ALARM",
        verdict_note="<b>video</b>",
        reviewed_by=cast.admin,
        reviewed_at=START + timedelta(hours=1),
    )
    html = page(client, cast, finished)
    assert "Acknowledged by alice" in html
    assert "False alarm, according to admin" in html
    assert "&lt;b&gt;video&lt;/b&gt;" in html
    assert "<b>video</b>" not in html


def test_it_tells_of_breaks(client: Client, cast: Cast, finished: Session) -> None:
    Pause.objects.create(
        session=finished,
        kind=PauseKind.BREAK,
        starts_at=START,
        ends_at=START + timedelta(seconds=30),
        note="Coffee",
    )
    assert "Break: Coffee" in page(client, cast, finished)


def test_a_session_that_was_never_scored_has_a_report(client: Client, cast: Cast) -> None:
    cast.session.ended_at = cast.session.started_at + timedelta(minutes=1)
    cast.session.save()
    assert "Never scored" in page(client, cast, cast.session)


def test_a_live_session_without_a_score_may_still_get_one(client: Client, cast: Cast) -> None:
    html = page(client, cast, cast.session)
    assert "Never scored" not in html
    assert "No score yet" in html.split("<h2>", 1)[1]


def test_a_session_that_goes_on_has_a_report_so_far(client: Client, cast: Cast) -> None:
    make_metrics(cast.session, SCORES)
    html = page(client, cast, cast.session)
    assert "Report so far" in html
    assert "Live page" in html
    assert "Live sessions</a>" in html


def test_the_report_of_a_finished_session_leads_back_to_the_others(
    client: Client, cast: Cast, finished: Session
) -> None:
    assert "Finished sessions</a>" in page(client, cast, finished)


def test_it_is_sent_compressed(client: Client, cast: Cast, finished: Session) -> None:
    client.force_login(cast.alice)
    address = reverse("report", args=[finished.pk])
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < len(client.get(address).content) / 2


def test_strangers_get_404(client: Client, cast: Cast, finished: Session) -> None:
    client.force_login(cast.bob)
    assert client.get(reverse("report", args=[finished.pk])).status_code == 404


def test_the_number_of_queries_does_not_grow(
    cast: Cast, finished: Session, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        make_anomaly(make_notice(finished), time=START + number * TICK)
        make_poll_moment(finished, f"p{number}", "FIRST_VOTE", START + TICK)
    session = Session.objects.select_related("event").get(pk=finished.pk)
    with django_assert_num_queries(10):
        session_report(session)
