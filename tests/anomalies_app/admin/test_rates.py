"""How many alerts were false, of those that were judged."""

from datetime import timedelta

import pytest
from django.utils import timezone

from anomalies_app.admin.rates import false_alarms
from anomalies_app.queries import ReviewedCount
from tests.anomalies_app.admin.test_change_list import LIST
from tests.dashboard.conftest import logged_in
from tests.factories import (
    Cast,
    make_anomaly,
    make_event,
    make_notice,
    make_session,
)

pytestmark = pytest.mark.integration


def test_rates_are_those_of_what_was_judged_lately(cast: Cast) -> None:
    other = make_session(make_event("Other"), "Talk")
    rows = [
        (cast.session, "MASS_EXIT", "FALSE_ALARM", 1),
        (cast.session, "MASS_EXIT", "CONFIRMED", 2),
        (other, "MASS_EXIT", "FALSE_ALARM", 3),
        (cast.session, "SUDDEN_DROP", "CONFIRMED", 4),
        (cast.session, "SUDDEN_DROP", "", 5),
        (other, "SUDDEN_DROP", "FALSE_ALARM", 91),
    ]
    now = timezone.now()
    for session, kind, verdict, days in rows:
        notice = make_notice(session, began_at=now - timedelta(days=days), type=kind)
        make_anomaly(notice, verdict=verdict)
    rates = false_alarms(now)
    assert rates.total == ReviewedCount("all", 4, 2)
    assert rates.by_type == [ReviewedCount("Mass exit", 3, 2), ReviewedCount("Sudden drop", 1, 0)]
    assert rates.by_event == [
        ReviewedCount("Alice's conference", 3, 1),
        ReviewedCount("Other", 1, 1),
    ]
    assert rates.by_event[0].rate == pytest.approx(1 / 3)
    page = logged_in(cast.admin).get(LIST).content.decode()
    assert "False alarms: 2 of 4 reviewed in the last 90 days" in page
    assert "67 %" in page


def test_without_verdicts_there_are_no_rates(cast: Cast) -> None:
    make_anomaly(make_notice(cast.session))
    page = logged_in(cast.admin).get(LIST).content.decode()
    assert "no anomalies reviewed in the last 90 days" in page
    assert "By event</caption>" not in page
    assert '<details class="rates"' not in page
