"""Scores that cannot be read because somebody has locked them."""

from collections.abc import Iterator

import pytest
from django.db import connection

from sessions_app.models import EngagementMetric
from sessions_app.storage.locked_scores import ScoresLockedError, forget_lock, reading_scores
from tests.dashboard.conftest import logged_in
from tests.dashboard.pages.test_without_scores import locked
from tests.factories import (
    Cast,
    last_tick_end,
    make_cast,
    make_metrics,
    make_session,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    cast = make_cast()
    for session in (cast.session, cast.bobs_session):
        make_metrics(session, [0.5] * 3)
    over = make_session(cast.session.event, "Over", ended_at=last_tick_end())
    make_metrics(over, [0.5] * 3)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield cast
    forget_lock()
    connection.close()


def test_nobody_waits_twice_for_the_same_lock(cast: Cast, django_assert_max_num_queries) -> None:
    with locked():
        with pytest.raises(ScoresLockedError), reading_scores():
            EngagementMetric.objects.exists()
        with django_assert_max_num_queries(0), pytest.raises(ScoresLockedError), reading_scores():
            EngagementMetric.objects.exists()


def test_another_table_is_not_done_without(cast: Cast) -> None:
    """An alert that is not shown would be worse than a page that comes later."""
    alice = logged_in(cast.alice)
    alice.raise_request_exception = False
    with locked("anomalies"):
        response = alice.get("/")
    assert (response.status_code, response.headers["Refresh"]) == (503, "5")
