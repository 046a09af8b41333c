"""First paint: who sees what, complete and harmless."""

import json
import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from anomalies_app.records import Change
from tests.dashboard.conftest import logged_in
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
    make_staff,
    make_user,
)

pytestmark = pytest.mark.integration

DASH = "\N{EN DASH}"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7|add:7 }}"


def titles(page: str) -> list[str]:
    """The titles of the cards that an overview shows, without its template of a card."""
    cards = page.split('<template id="card-template">')[0]
    shown = re.sub(r'<li class="card"[^>]* hidden>.*?</li>', "", cards, flags=re.DOTALL)
    return [unescape(title) for title in re.findall(r'data-field="title">([^<]*)<', shown)]


def embedded_data(page: str, name: str) -> Any:
    """What a page hands to its script."""
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def overview_of(user: User) -> str:
    return logged_in(user).get("/").content.decode()


def test_overview_shows_a_user_the_sessions_of_their_own_events(cast: Cast) -> None:
    assert titles(overview_of(cast.alice)) == ["Keynote"]
    assert titles(overview_of(cast.bob)) == ["Panel"]
    assert titles(overview_of(cast.charlie)) == []
    assert titles(overview_of(cast.admin)) == ["Keynote", "Panel"]
    assert titles(overview_of(make_staff("reviewer", "view_event"))) == ["Keynote", "Panel"]
    assert titles(overview_of(make_staff("clerk", "view_user"))) == []


def test_overview_shows_an_organizer_who_was_invited_to_another_event_both(cast: Cast) -> None:
    cast.session.event.organizers.add(cast.bob)
    assert titles(overview_of(cast.bob)) == ["Keynote", "Panel"]


def test_overview_leaves_out_what_is_over(cast: Cast) -> None:
    make_session(cast.session.event, "Yesterday", ended_at=timezone.now())
    assert titles(overview_of(cast.alice)) == ["Keynote"]


def test_overview_says_when_nothing_is_live(cast: Cast) -> None:
    empty = 'id="empty" hidden'
    assert empty not in overview_of(cast.charlie)
    assert empty in overview_of(cast.alice)


def test_overview_shows_the_newest_score_of_each_session(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1, 0.9, 0.62], end)
    make_metrics(cast.bobs_session, [0.8], timezone.now() - timedelta(hours=1))
    point, old = [
        card["point"] for card in embedded_data(overview_of(cast.admin), "cards-data")["cards"]
    ]
    assert (point["score"], point["category"]) == (0.62, "HIGH")
    assert point["time"] == end.timestamp() * 1000
    assert old is None
    page = overview_of(cast.alice)
    assert '<span data-field="score">62</span>' in page
    assert 'data-field="category">High</span>' in page


def test_overview_shows_the_last_five_minutes_of_each_session(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.9] * 10 + [0.2] * 30, end - 20 * TICK)
    make_metrics(cast.session, [0.5] * 17 + [0.8] * 3, end)
    page = overview_of(cast.alice)
    [card] = embedded_data(page, "cards-data")["cards"]
    assert card["scores"] == [90] * 10 + [20] * 30 + [50] * 17 + [80] * 3
    # Drawn by the elements of elements.js, before the page is painted first.
    scores = json.dumps(card["scores"], separators=(",", ":"))
    assert re.findall(r'<score-(\w+)[^>]* scores="([^"]*)"', page) == [
        ("trend", scores),
        ("curve", scores),
    ]


def test_overview_leaves_holes_where_a_session_has_no_score(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1], end - 60 * TICK)
    make_metrics(cast.session, [0.2, 0.3], end - 4 * TICK)
    make_metrics(cast.session, [0.4], end)
    [card] = embedded_data(overview_of(cast.alice), "cards-data")["cards"]
    assert card["scores"] == [20, 30, None, None, None, 40]


def test_overview_has_sessions_in_trouble_first(cast: Cast) -> None:
    names = ["Alpha", "Beta", "Gamma", "Omega"]
    sessions = [make_session(cast.session.event, name) for name in names]
    make_anomaly(make_notice(sessions[1], Change.ENDED))
    make_anomaly(make_notice(sessions[2]))
    make_anomaly(make_notice(sessions[3], severity="CRITICAL"))
    assert titles(overview_of(cast.alice)) == ["Omega", "Gamma", "Alpha", "Beta", "Keynote"]


def test_overview_is_filtered_by_its_address(cast: Cast) -> None:
    other = make_event("Other", cast.alice)
    make_session(other, "Workshop")
    client = logged_in(cast.alice)

    def shown(query: str) -> list[str]:
        return titles(client.get(f"/{query}").content.decode())

    assert shown(f"?event={other.pk}") == ["Workshop"]
    assert shown("?q=KEY") == ["Keynote"]
    assert shown(f"?event={cast.bobs_session.event_id}") == ["Keynote", "Workshop"]
    assert shown("?event=x&q=") == ["Keynote", "Workshop"]
    page = client.get("/?q=nothing").content.decode()
    assert "0 of 2 shown" in page
    assert 'id="no-match" >' in page
    assert f'<option value="{cast.bobs_session.event_id}"' not in page


@pytest.mark.parametrize("path", ["/", "/finished/", "/sessions/{pk}/"])
def test_strangers_are_sent_to_the_login(cast: Cast, path: str) -> None:
    path = path.format(pk=cast.session.pk)
    response = Client().get(path)
    assert (response.status_code, response.url) == (302, f"/login/?next={path}")


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


def test_users_who_were_deactivated_see_nothing(cast: Cast) -> None:
    client = logged_in(cast.alice)
    cast.alice.is_active = False
    cast.alice.save()
    assert client.get(f"/sessions/{cast.session.pk}/").status_code == 302


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


def test_hostile_titles_stay_text(cast: Cast) -> None:
    event = make_event(HOSTILE, cast.alice)
    session = make_session(event, HOSTILE, external_id=HOSTILE)
    for path in ("/", "/?q=" + quote(HOSTILE), f"/sessions/{session.pk}/"):
        page = logged_in(cast.alice).get(path).content.decode()
        assert executed(page) == []
        assert unescape(page).count(HOSTILE) >= 2
    data = embedded_data(overview_of(cast.alice), "cards-data")
    assert HOSTILE in [card["title"] for card in data["cards"]]


def executed(page: str) -> list[str]:
    """Whatever in a page could run without being a file of this site."""
    found: list[str] = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            inline = tag == "script" and not (
                (names.get("src") or "").startswith("/static/")
                or names.get("type") == "application/json"
            )
            if inline or tag == "style" or any(n.startswith("on") or n == "style" for n in names):
                found.append(self.get_starttag_text() or tag)

    Finder().feed(page)
    return found


@pytest.mark.parametrize("sessions", [1, 3])
def test_overview_takes_the_same_queries_for_any_number_of_sessions(
    cast: Cast, sessions: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(sessions):
        event = make_event(f"Event {number}", cast.charlie)
        session = make_session(event, f"Talk {number}")
        make_metrics(session, [0.5, 0.6])
        make_anomaly(make_notice(session))
    client = logged_in(cast.charlie)
    # Login, user, sessions, recent metrics, open anomalies, pauses.
    with django_assert_num_queries(6):
        page = client.get("/").content.decode()
    assert len(titles(page)) == sessions


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


@pytest.mark.parametrize("path", ["/", "/sessions/{pk}/"])
def test_pages_cannot_be_changed_by_posting_and_are_not_kept(cast: Cast, path: str) -> None:
    client = logged_in(cast.alice)
    path = path.format(pk=cast.session.pk)
    assert client.post(path).status_code == 405
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_new_users_without_anything_see_an_empty_overview(db: None) -> None:
    assert titles(overview_of(make_user("new"))) == []


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
    assert ("Over since" in banner_of(page)) is shown
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


@pytest.mark.parametrize("page", ["/", "/sessions/{}/", "/sessions/{}/report/"])
def test_title_keeps_its_own_direction_of_writing(cast: Cast, page: str) -> None:
    cast.session.title = "مرحبا 2026!"
    cast.session.save()
    shown = logged_in(cast.alice).get(page.format(cast.session.pk)).content.decode()
    assert re.search(rf"(<bdi>|<a dir=\"auto\"[^>]*>){cast.session.title}<", shown)


@pytest.mark.parametrize("path", ["/", "/finished/"])
def test_an_event_that_cannot_be_is_no_filter(cast: Cast, path: str) -> None:
    response = logged_in(cast.alice).get(path, {"event": "9" * 5_000})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/finished/?q=a%00b",
        "/admin/autocomplete/?app_label=sessions_app&model_name=session&field_name=event&term=%00",
        "/admin/auth/user/?q=%00",
    ],
)
def test_a_nul_in_an_address_is_a_bad_request(cast: Cast, path: str) -> None:
    response = logged_in(cast.admin).get(path)
    assert response.status_code == 400
    assert "contains an invalid value" in response.content.decode()
    assert "Content-Security-Policy" in response.headers
