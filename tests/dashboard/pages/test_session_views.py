"""The page of one session: who sees it, and that its first paint is complete."""

import re
from datetime import timedelta
from html import unescape
from itertools import pairwise

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from anomalies_app.records import Change
from tests.dashboard.conftest import logged_in
from tests.dashboard.pages.test_overview_views import HOSTILE, embedded_data, executed, overview_of
from tests.factories import (
    Cast,
    make_anomaly,
    make_metrics,
    make_notice,
)

pytestmark = pytest.mark.integration

DASH = "\N{EN DASH}"


def test_session_is_shown_to_those_who_may_see_it(cast: Cast) -> None:
    path = f"/sessions/{cast.session.pk}/"
    statuses = {
        user.username: logged_in(user).get(path).status_code
        for user in (cast.alice, cast.bob, cast.charlie, cast.admin)
    }
    assert statuses == {"alice": 200, "bob": 404, "charlie": 404, "admin": 200}


def test_foreign_and_unknown_sessions_cannot_be_told_apart(cast: Cast) -> None:
    client = logged_in(cast.bob)
    foreign = client.get(f"/sessions/{cast.session.pk}/").content
    unknown = client.get("/sessions/999999/").content
    # The form's token is different in every response.
    tokens = re.compile(rb'csrfmiddlewaretoken" value="\w+"')
    assert tokens.sub(b"", foreign) == tokens.sub(b"", unknown)
    assert logged_in(cast.bob).get(f"/sessions/{10**30}/").status_code == 404


def test_session_first_paint_is_complete(cast: Cast) -> None:
    make_metrics(cast.session, [0.2, 0.4, 0.63])
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/").content.decode()
    shown = dict(re.findall(r'(?:id|data-signal)="([\w-]+)"[^>]*>([^<]*)<', page))
    assert shown["score-value"] == "63"
    assert shown["score-category"] == "High"
    # Drawn by the elements of elements.js, before the page is painted first.
    assert re.findall(r'<score-(\w+)[^>]* points="snapshot"', page) == ["trend", "statistics"]
    assert page.index('<script id="snapshot"') < page.index("js/elements.js")
    assert page.index("js/elements.js") < page.index("<score-trend")
    signals = {name: value for name, value in shown.items() if "_" in name}
    assert signals == {
        "chat_msgs_per_min": "14",
        "active_users": "120",
        "total_users": "150",
        "poll_participation": "40",
        "reactions_per_min": "3",
        "user_leave_rate": "1",
    }


def test_session_hands_over_its_last_sixty_points(cast: Cast) -> None:
    make_metrics(cast.session, [number / 100 for number in range(70)])
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/").content.decode()
    points = embedded_data(page, "snapshot")["points"]
    assert [point["score"] for point in points] == [number / 100 for number in range(10, 70)]
    assert {after["time"] - before["time"] for before, after in pairwise(points)} == {5_000}


def test_session_without_a_score_says_that_it_waits(cast: Cast) -> None:
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/").content.decode()
    assert re.search(r'id="chart-message" >Waiting for the first score', page)
    assert '<span id="score-value">' + DASH + "</span>" in page


@pytest.mark.parametrize("is_over", [False, True])
def test_an_ended_session_has_no_trend_and_no_alerts_to_come(cast: Cast, is_over: bool) -> None:
    make_metrics(cast.session, [0.6] * 12 + [0.2] * 3)
    if is_over:
        cast.session.ended_at = timezone.now()
        cast.session.save()
    page = session_page(cast)
    shown = re.sub(
        r'<([\w-]+)[^>]* data-while="\w+"[^>]*\shidden.*?</\1>', "", page, flags=re.DOTALL
    )
    assert ("No alerts in this session." in shown) is is_over
    assert ("None so far." in shown) is not is_over
    assert ('id="score-trend"' in shown) is not is_over
    assert ("Finished sessions</a>" in shown) is is_over


@pytest.mark.parametrize(("points", "anomalies"), [(1, 1), (60, 3)])
def test_session_takes_the_same_queries_for_any_number_of_points_and_anomalies(
    cast: Cast, points: int, anomalies: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_metrics(cast.session, [0.5] * points)
    for number in range(anomalies):
        make_anomaly(make_notice(cast.session, ago=5 * number))
    client = logged_in(cast.alice)
    # Login, user, session, metrics, polls, pause, anomalies.
    with django_assert_num_queries(7):
        client.get(f"/sessions/{cast.session.pk}/")


def session_page(cast: Cast) -> str:
    """What Alice sees of her session, without its templates for scripts."""
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/").content.decode()
    return re.sub(r"<template .*?</template>", "", page, flags=re.DOTALL)


def banner_of(page: str) -> str:
    """The words of the banners of a page."""
    [section] = re.findall(r'<section class="banners".*?</section>', page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", section)).split())


def test_an_open_anomaly_is_in_the_first_paint(cast: Cast) -> None:
    make_metrics(cast.session, [0.6, 0.28])
    notice = make_notice(cast.session, ago=40)
    make_anomaly(notice)
    page = session_page(cast)
    began = f"{notice.began_at:%H:%M:%S} UTC"
    assert re.fullmatch(
        r"Warning Mass exit Active users fell from 190 to 121 in 40 seconds\. "
        "Engagement 28 %, expected 61 % "
        "Biggest change: Active users 190 \N{RIGHTWARDS ARROW} 121 in 40 s "
        rf"Since {began}, ago Acknowledge A",
        banner_of(page),
    )
    milliseconds = round(notice.began_at.timestamp() * 1000)
    assert f'<time-span since="{milliseconds}"></time-span> ago' in page
    assert page.count('class="banner"') == 1
    assert page.count('<li class="alert"') == 1
    card = overview_of(cast.alice).split("<template")[0]
    assert 'data-severity="WARNING"' in card
    assert "1 session live now, 1 with an alert" in card
    assert 'data-field="alert" hidden' not in card


@pytest.mark.parametrize(("seconds", "shown"), [(30, True), (61, False)])
def test_an_anomaly_that_is_over_says_so_for_a_minute(
    cast: Cast, seconds: int, shown: bool
) -> None:
    ended = timezone.now() - timedelta(seconds=seconds)
    make_anomaly(make_notice(cast.session, Change.ENDED, ago=120, changed_at=ended))
    page = session_page(cast)
    assert ("Ended at" in banner_of(page)) is shown
    assert page.count('<li class="alert"') == 1
    assert 'data-severity="WARNING"' not in overview_of(cast.alice)


def test_a_session_without_anomalies_says_so(cast: Cast) -> None:
    page = session_page(cast)
    assert banner_of(page) == ""
    assert re.search(r'id="no-alerts" ><span data-while="live"\s+>None so far\.', page)
    assert 'id="alerts" hidden' in page


def test_hostile_reasons_stay_text(cast: Cast) -> None:
    make_anomaly(make_notice(cast.session, reason=HOSTILE))
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/").content.decode()
    assert executed(page) == []
    assert unescape(page).count(HOSTILE) >= 2
    assert embedded_data(page, "snapshot")["anomalies"][0]["reason"] == HOSTILE
