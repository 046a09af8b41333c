"""Ranges of a session: who may read them, and what of it is in them."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from dashboard.formatting.presentation import RANGES
from sessions_app.queries.time_buckets import MAXIMUM_BUCKETS
from tests.dashboard.conftest import logged_in
from tests.factories import TICK, Cast, last_tick_end, make_metrics

pytestmark = pytest.mark.integration


def history_of(cast: Cast, name: str) -> dict[str, Any]:
    response = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/history/?range={name}")
    assert response.status_code == 200
    return response.json()


def test_only_those_who_see_the_session_read_its_history(cast: Cast) -> None:
    path = f"/sessions/{cast.session.pk}/history/?range=30m"
    status = {
        name: logged_in(getattr(cast, name)).get(path).status_code
        for name in ("alice", "admin", "bob", "charlie")
    }
    assert status == {"alice": 200, "admin": 200, "bob": 404, "charlie": 404}
    assert Client().get(path)["location"].startswith("/login/")
    assert logged_in(cast.alice).post(path).status_code == 405


@pytest.mark.parametrize("query", ["", "?range=", "?range=1y", "?range=30m%00"])
def test_other_ranges_are_refused(cast: Cast, query: str) -> None:
    response = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/history/{query}")
    assert response.status_code == 400


@pytest.mark.parametrize("name", RANGES)
def test_a_session_without_points_has_no_history(cast: Cast, name: str) -> None:
    assert history_of(cast, name) == {"range": name, "step": 5_000, "points": []}


def test_each_range_ends_with_the_last_point(cast: Cast) -> None:
    end = last_tick_end() - timedelta(hours=1)
    make_metrics(cast.session, [0.2] * 1_500 + [0.8] * 60, end)
    counts = {}
    for name, each in RANGES.items():
        history = history_of(cast, name)
        points = history["points"]
        counts[name] = sum(point["count"] for point in points)
        assert len(points) <= MAXIMUM_BUCKETS
        assert points[-1]["time"] == end.timestamp() * 1000
        start = end - (each.length or 1_560 * TICK) + TICK
        assert points[0]["since"] == start.timestamp() * 1000
        assert all(one["time"] + 5_000 == other["since"] for one, other in pairwise(points))
    assert counts == {"5m": 60, "30m": 360, "2h": 1_440, "all": 1_560}


def test_a_point_says_what_it_stands_for(cast: Cast) -> None:
    make_metrics(cast.session, [0.1, 0.5] * 400)
    history = history_of(cast, "all")
    point = history["points"][1]
    assert history["step"] == 15_000
    assert point.pop("time") - point.pop("since") == 10_000
    assert (point.pop("score"), point.pop("percent")) in ((0.2333, 23), (0.3667, 37))
    assert point == {
        "category": "LOW",
        "count": 3,
        "lowest": 0.1,
        "highest": 0.5,
        "signals": {
            "chat_msgs_per_min": 14.0,
            "poll_participation": 0.4,
            "active_users": 120.0,
            "total_users": 150.0,
            "reactions_per_min": 3.0,
            "user_leave_rate": 0.01,
        },
    }


def test_a_long_session_takes_as_few_queries_as_a_short_one(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_metrics(cast.session, [0.5] * 2_000)
    client = logged_in(cast.alice)
    # Login, user, session, its span, its history.
    with django_assert_num_queries(5):
        client.get(f"/sessions/{cast.session.pk}/history/?range=all")
