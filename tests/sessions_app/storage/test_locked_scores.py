"""Scores that cannot be read because somebody has locked them."""

import pytest
from django.db import connection

from sessions_app.models import EngagementMetric
from sessions_app.storage.locked_scores import ScoresLockedError, forget_lock, reading_scores
from tests.servers.outages import locked


@pytest.mark.integration
def test_nobody_waits_twice_for_the_same_lock(
    database_url: str, django_assert_max_num_queries
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    with locked(database_url):
        with pytest.raises(ScoresLockedError), reading_scores():
            EngagementMetric.objects.exists()
        with django_assert_max_num_queries(0), pytest.raises(ScoresLockedError), reading_scores():
            EngagementMetric.objects.exists()
    forget_lock()
    connection.close()
