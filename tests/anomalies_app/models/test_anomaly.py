"""How far people have got with an anomaly, and when it is over."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from anomalies_app.models import Status, status_of
from anomalies_app.records import Change
from tests.factories import Cast, make_anomaly, make_notice

NOW = timezone.now()


@pytest.mark.parametrize(
    ("verdict", "acknowledged_at", "status"),
    [
        ("", None, Status.OPEN),
        ("", NOW, Status.ACKNOWLEDGED),
        ("CONFIRMED", None, Status.CONFIRMED),
        ("FALSE_ALARM", NOW, Status.FALSE_ALARM),
    ],
)
def test_a_verdict_says_more_than_an_acknowledgement(
    verdict: str, acknowledged_at: object, status: Status
) -> None:
    assert status_of(verdict, acknowledged_at) is status


@pytest.mark.integration
def test_an_anomaly_is_over_with_its_session_at_the_latest(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session, ago=60))
    assert anomaly.closed_at is None
    anomaly.session.ended_at = NOW
    assert anomaly.closed_at == NOW
    anomaly.ended_at = NOW - timedelta(seconds=30)
    assert anomaly.closed_at == NOW - timedelta(seconds=30)


@pytest.mark.integration
def test_a_session_raises_one_at_a_time(cast: Cast) -> None:
    notice = make_notice(cast.session, Change.BEGAN)
    make_anomaly(notice)
    with pytest.raises(IntegrityError):
        make_anomaly(make_notice(cast.session), time=notice.began_at)


@pytest.mark.integration
def test_it_is_named_after_its_type_session_and_time(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    anomaly.refresh_from_db()
    assert str(anomaly).startswith("Mass exit in ")
    assert "Keynote" in str(anomaly)


@pytest.mark.integration
def test_a_signal_of_a_later_release_is_left_out_and_a_missing_one_hides_the_others(
    cast: Cast,
) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    known = anomaly.values.signals
    assert known is not None
    anomaly.signals = {**anomaly.signals, "hands_raised": 3}
    assert anomaly.values.signals == known
    del anomaly.signals["total_users"]
    assert anomaly.values.signals is None
