"""The last minutes of many sessions, side by side."""

import pytest

from sessions_app.models import EngagementMetric
from sessions_app.storage.recent_scores import recent_scores
from tests.factories import SIGNALS, TICK, Cast, last_tick_end, make_metrics

pytestmark = pytest.mark.integration


def test_scores_are_whole_percents_up_to_the_newest_row(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.104, 0.2, 0.309, 0.4], end)
    make_metrics(cast.bobs_session, [0.9], end)
    keys = [cast.session.pk, cast.bobs_session.pk]
    found = recent_scores(keys, 3, end - 10 * TICK)
    assert found[keys[0]].percents == [20, 31, 40]
    assert found[keys[1]].percents == [90]
    latest = found[keys[0]].latest
    assert (latest.score, latest.time, latest.session_id) == (0.4, end, keys[0])
    assert latest.signals.active_users == SIGNALS.active_users


def test_a_tick_without_a_score_is_a_hole(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1, 0.2, 0.3, 0.4], end)
    EngagementMetric.objects.filter(time__in=[end - TICK, end - 2 * TICK]).delete()
    found = recent_scores([cast.session.pk], 4, end - 10 * TICK)
    assert found[cast.session.pk].percents == [10, None, None, 40]


def test_a_session_without_a_score_of_late_is_missing(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1], end - 10 * TICK)
    assert recent_scores([cast.session.pk], 60, end - 10 * TICK) == {}
    assert list(recent_scores([cast.session.pk], 60, end - 11 * TICK)) == [cast.session.pk]
    assert recent_scores([], 60, end - 11 * TICK) == {}
