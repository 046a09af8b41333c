"""The cards of live sessions, side by side."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.dashboard.conftest import logged_in
from tests.dashboard.pages.test_overview_views import embedded_data, overview_of, titles
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
)

pytestmark = pytest.mark.integration


def test_overview_leaves_out_what_is_over(cast: Cast) -> None:
    make_session(cast.session.event, "Yesterday", ended_at=timezone.now())
    assert titles(overview_of(cast.alice)) == ["Keynote"]


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
