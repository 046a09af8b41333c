"""What is known of an anomaly, in words for admins."""

import pytest

from anomalies_app.records import Change
from tests.anomalies_app.admin.test_anomaly_admin import LIST
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = pytest.mark.integration


def test_the_list_shows_how_an_anomaly_went(cast: Cast) -> None:
    make_anomaly(make_notice(cast.session))
    notice = make_notice(cast.bobs_session, Change.ENDED, ago=95)
    make_anomaly(notice)
    page = logged_in(cast.admin).get(LIST).content.decode()
    assert "open" in page
    seconds = (notice.changed_at - notice.began_at).seconds
    assert f"ended after {seconds} s" in page
    assert f"{notice.began_at:%Y-%m-%d %H:%M:%S}" in page
    assert "Mass exit" in page
    assert "0.71" in page


def test_the_page_says_when_an_anomaly_ended_and_after_how_long(cast: Cast) -> None:
    notice = make_notice(cast.session, Change.ENDED, ago=95)
    anomaly = make_anomaly(notice)
    page = logged_in(cast.admin).get(f"{LIST}{anomaly.pk}/change/").content.decode()
    seconds = (notice.changed_at - notice.began_at).seconds
    assert f"{notice.changed_at:%Y-%m-%d %H:%M:%S}, after {seconds} s" in page
