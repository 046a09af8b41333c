"""The list of anomalies by state, event and date."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from anomalies_app.models import Anomaly
from anomalies_app.records import Change
from tests.anomalies_app.admin.test_anomaly_admin import LIST, listed
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice, make_session

pytestmark = pytest.mark.integration


def test_the_list_is_filtered(cast: Cast) -> None:
    client = logged_in(cast.admin)
    closed = make_session(cast.session.event, "Closed", ended_at=timezone.now())
    kinds: dict[str, Callable[[], Anomaly]] = {
        "open": lambda: make_anomaly(make_notice(cast.session, severity="CRITICAL")),
        "ended": lambda: make_anomaly(
            make_notice(cast.bobs_session, Change.ENDED, type="SUDDEN_DROP"), verdict="CONFIRMED"
        ),
        "left": lambda: make_anomaly(make_notice(closed)),
    }
    keys = {name: make().pk for name, make in kinds.items()}
    queries = {
        "": {"open", "ended", "left"},
        "state=open": {"open"},
        "state=ended": {"ended", "left"},
        "type__exact=SUDDEN_DROP": {"ended"},
        "severity__exact=CRITICAL": {"open"},
        "status=OPEN": {"open", "left"},
        "status=CONFIRMED": {"ended"},
        f"event={cast.bobs_session.event_id}": {"ended"},
        "q=keynote": {"open"},
    }
    found = {query: listed(client, query) for query in queries}
    assert found == {query: {keys[name] for name in names} for query, names in queries.items()}


def test_the_list_is_filtered_by_date(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anomalies_app.admin.filters.localdate", lambda: date(2026, 3, 10))
    times = {
        "today": datetime(2026, 3, 10, 0, 0, 5, tzinfo=UTC),
        "week": datetime(2026, 3, 4, tzinfo=UTC),
        "march": datetime(2026, 3, 3, 23, 59, 55, tzinfo=UTC),
        "february": datetime(2026, 2, 28, 23, 59, 55, tzinfo=UTC),
        "december": datetime(2025, 12, 31, 23, 59, 55, tzinfo=UTC),
    }
    keys = {
        name: make_anomaly(make_notice(cast.session, began_at=time)).pk
        for name, time in times.items()
    }
    client = logged_in(cast.admin)
    queries = {
        "date=today": {"today"},
        "date=week": {"today", "week"},
        "date=2026-03": {"today", "week", "march"},
        "date=2026-02": {"february"},
        "date=2025-12": {"december"},
        "date=2025": {"december"},
        "date=2026": {"today", "week", "march", "february"},
        "date=2026-03-04": {"week"},
        "date=2026-03-05": set(),
        **{f"date={wrong}": set() for wrong in ("2025-13", "2026-02-30", "9999", "soon")},
    }
    found = {query: listed(client, query) for query in queries}
    assert found == {query: {keys[name] for name in names} for query, names in queries.items()}


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("", ["2026", "2025"]),
        ("date=week", ["2026", "2025"]),
        ("date=2026", ["2026", "2025", "2026-01", "2026-02", "2026-03"]),
        (
            "date=2026-03-02",
            ["2026", "2025", "2026-01", "2026-02", "2026-03", "2026-03-01", "2026-03-02"],
        ),
    ],
)
def test_dates_are_offered_level_by_level(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, query: str, offered: list[str]
) -> None:
    monkeypatch.setattr("anomalies_app.admin.filters.localdate", lambda: date(2026, 3, 2))
    make_anomaly(make_notice(cast.session, began_at=datetime(2025, 12, 31, tzinfo=UTC)))
    page = logged_in(cast.admin).get(f"{LIST}?{query}").content.decode()
    _, dates = page.split('data-filter-title="date"')
    assert re.findall(r'href="\?date=(\d[\d-]*)"', dates) == offered
