"""First paint: who sees what, complete and harmless."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from anomalies_app.records import Change
from tests.dashboard.conftest import logged_in
from tests.factories import (
    Cast,
    make_anomaly,
    make_event,
    make_notice,
    make_session,
    make_staff,
    make_user,
)

pytestmark = pytest.mark.integration

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


def test_overview_says_when_nothing_is_live(cast: Cast) -> None:
    empty = 'id="empty" hidden'
    assert empty not in overview_of(cast.charlie)
    assert empty in overview_of(cast.alice)


def test_overview_has_sessions_in_trouble_first(cast: Cast) -> None:
    names = ["Alpha", "Beta", "Gamma", "Omega"]
    sessions = [make_session(cast.session.event, name) for name in names]
    make_anomaly(make_notice(sessions[1], Change.ENDED))
    make_anomaly(make_notice(sessions[2]))
    make_anomaly(make_notice(sessions[3], severity="CRITICAL"))
    assert titles(overview_of(cast.alice)) == ["Omega", "Gamma", "Alpha", "Beta", "Keynote"]


@pytest.mark.parametrize("path", ["/", "/finished/", "/sessions/{pk}/"])
def test_strangers_are_sent_to_the_login(cast: Cast, path: str) -> None:
    path = path.format(pk=cast.session.pk)
    response = Client().get(path)
    assert (response.status_code, response.url) == (302, f"/login/?next={path}")


def test_users_who_were_deactivated_see_nothing(cast: Cast) -> None:
    client = logged_in(cast.alice)
    cast.alice.is_active = False
    cast.alice.save()
    assert client.get(f"/sessions/{cast.session.pk}/").status_code == 302


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


@pytest.mark.parametrize("path", ["/", "/sessions/{pk}/"])
def test_pages_cannot_be_changed_by_posting_and_are_not_kept(cast: Cast, path: str) -> None:
    client = logged_in(cast.alice)
    path = path.format(pk=cast.session.pk)
    assert client.post(path).status_code == 405
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_new_users_without_anything_see_an_empty_overview(db: None) -> None:
    assert titles(overview_of(make_user("new"))) == []


@pytest.mark.parametrize("page", ["/", "/sessions/{}/", "/sessions/{}/report/"])
def test_title_keeps_its_own_direction_of_writing(cast: Cast, page: str) -> None:
    cast.session.title = "مرحبا 2026!"
    cast.session.save()
    shown = logged_in(cast.alice).get(page.format(cast.session.pk)).content.decode()
    assert re.search(rf"(<bdi>|<a dir=\"auto\"[^>]*>){cast.session.title}<", shown)
