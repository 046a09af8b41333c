"""The page of an anomaly, with the chart of what was around it."""

import pytest

from tests.anomalies_app.admin.test_anomaly_admin import page_of
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = pytest.mark.integration


def test_a_page_shows_why(cast: Cast) -> None:
    began = {
        "change": "BEGAN",
        "time": "2026-11-22T10:15:05+00:00",
        "type": "MASS_EXIT",
        "severity": "CRITICAL",
        "anomaly_score": 0.71342,
        "current_engagement": 0.3512,
    }
    changes = {"changes": [began]}
    anomaly = make_anomaly(make_notice(cast.session))
    anomaly.metadata |= changes
    anomaly.save()
    page = logged_in(cast.admin).get(page_of(anomaly)).content.decode()
    for words in (
        "Active users fell from 190 to 121 in 40 seconds.",
        "Active users from 190 to 121 in 40 s",
        "2026-11-22 10:15:05 began</th><td>Mass exit, critical, score 0.71, engagement 35 %",
        "Leave rate</th><td>1 %",
        'readonly">35 %<',
        'readonly">61 %<',
        f"Mass exit in Keynote at {anomaly.time:%Y-%m-%d %H:%M:%S}",
    ):
        assert words in page
    anomaly.metadata = {}
    anomaly.save()
    assert logged_in(cast.admin).get(page_of(anomaly)).status_code == 200
