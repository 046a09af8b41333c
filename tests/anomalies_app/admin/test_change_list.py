"""The list of anomalies in Django admin: pictures, buttons, notes, rates, download."""

import csv
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient

from anomalies_app.models import Anomaly, AnomalyReview
from anomalies_app.records import Change
from anomalies_app.review import acknowledge_anomaly, review_anomalies
from sessions_app.queries import pages
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice, make_staff

pytestmark = pytest.mark.integration

LIST = "/admin/anomalies_app/anomaly/"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def press(user: User, value: str, **data: str) -> Any:
    return logged_in(user).post(f"{LIST}?severity__exact=WARNING", {"review": value, **data})


def test_one_click_judges_a_row_and_comes_back_to_the_same_list(cast: Cast) -> None:
    reviewer = make_staff("reviewer", "change_anomaly")
    anomaly, other = (make_anomaly(make_notice(cast.session, ago=ago)) for ago in (0, 60))
    response = press(reviewer, f"FALSE_ALARM:{anomaly.pk}", note="A break.")
    assert (response.status_code, response["location"]) == (302, f"{LIST}?severity__exact=WARNING")
    anomaly.refresh_from_db()
    assert (anomaly.verdict, anomaly.verdict_note) == ("FALSE_ALARM", "A break.")
    (record,) = AnomalyReview.objects.all()
    assert (record.user, record.from_verdict, record.to_verdict) == (reviewer, "", "FALSE_ALARM")
    page = logged_in(reviewer).get(LIST).content.decode()
    assert set(re.findall(r'name="review" value="(\w+:[\w-]+)"', page)) == {
        f"CONFIRMED:{anomaly.pk}",
        f"CONFIRMED:{other.pk}",
        f"FALSE_ALARM:{other.pk}",
    }


@pytest.mark.parametrize(
    "value", ["", "CONFIRMED", "CONFIRMED:1", "MAYBE:{key}", "{key}:CONFIRMED"]
)
def test_a_button_that_there_is_not_is_refused(cast: Cast, value: str) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    assert press(cast.admin, value.format(key=anomaly.pk)).status_code == 400
    assert not AnomalyReview.objects.exists()


def test_those_who_may_only_look_have_no_buttons(cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    reader = make_staff("reader", "view_anomaly")
    page = logged_in(reader).get(LIST).content.decode()
    assert 'name="review"' not in page
    assert 'name="action"' not in page
    clerk = make_staff("clerk", "view_user")
    for user, status in ((reader, 403), (clerk, 403), (cast.alice, 302)):
        assert press(user, f"CONFIRMED:{anomaly.pk}").status_code == status
    assert not AnomalyReview.objects.exists()


def test_a_note_goes_with_many_verdicts(cast: Cast) -> None:
    anomalies = [make_anomaly(make_notice(cast.session, ago=ago)) for ago in (0, 60)]
    keys = [str(anomaly.pk) for anomaly in anomalies]
    data = {"action": "confirm", "note": "Sound was lost.", "_selected_action": keys}
    logged_in(cast.admin).post(LIST, data)
    assert set(Anomaly.objects.values_list("verdict", "verdict_note")) == {
        ("CONFIRMED", "Sound was lost.")
    }
    assert AnomalyReview.objects.filter(note="Sound was lost.").count() == 2


def test_all_of_a_list_are_no_more_than_it_counts(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anomalies_app.admin.change_list.COUNTED_ROWS", 2)
    anomalies = [make_anomaly(make_notice(cast.session, ago=ago)) for ago in (0, 60, 120)]
    data = {"action": "confirm", "select_across": "1", "_selected_action": str(anomalies[0].pk)}
    logged_in(cast.admin).post(LIST, data)
    confirmed = Anomaly.objects.filter(verdict="CONFIRMED").values_list("pk", flat=True)
    assert set(confirmed) == {anomaly.pk for anomaly in anomalies[:2]}


def test_only_a_list_that_is_narrowed_offers_all(cast: Cast) -> None:
    make_anomaly(make_notice(cast.session))
    client = logged_in(cast.admin)
    offers = {
        query: "Show all" in client.get(f"{LIST}?{query}").content.decode()
        for query in ("", "o=1", "q=Keynote", "severity__exact=WARNING", "date=week")
    }
    assert offers == {
        "": False,
        "o=1": False,
        "q=Keynote": True,
        "severity__exact=WARNING": True,
        "date=week": True,
    }


class TestExport:
    """What is downloaded is what is stored."""

    pytestmark = [
        pytest.mark.django_db(transaction=True),
        pytest.mark.usefixtures("connections_closed"),
    ]

    @pytest.mark.parametrize("size", [1, 2, 100])
    async def test_rows_are_those_of_the_database(
        self, cast: Cast, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pages, "PAGE_ROWS", size)
        await database_sync_to_async(self.make_anomalies)(cast)
        response = await self.download(cast.admin, "")
        assert response["Content-Disposition"] == 'attachment; filename="anomalies.csv"'
        rows = [row async for row in self.rows(response)]
        assert rows == await database_sync_to_async(self.stored)()
        assert [row["verdict_note"] for row in rows] == ["", "'=1+1", "", ""]

    async def test_filters_and_search_apply(self, cast: Cast) -> None:
        await database_sync_to_async(self.make_anomalies)(cast)
        for query, count in {"q=panel": 1, "status=FALSE_ALARM": 1, "type__exact=NONE": 0}.items():
            response = await self.download(cast.admin, query)
            assert len([row async for row in self.rows(response)]) == count
        response = await self.download(cast.admin, "nothing=1")
        assert (response.status_code, response["location"]) == (302, "../")

    async def test_only_those_who_see_the_list_get_it(self, cast: Cast) -> None:
        for name, permission, status in (
            ("reader", "view_anomaly", 200),
            ("clerk", "view_user", 403),
        ):
            user = await database_sync_to_async(make_staff)(name, permission)
            assert (await self.download(user, "")).status_code == status
        assert (await self.download(cast.alice, "")).status_code == 302

    def make_anomalies(self, cast: Cast) -> None:
        """Two of them raised at the same time."""
        first = make_anomaly(make_notice(cast.session, began_at=NOON))
        second = make_anomaly(
            make_notice(cast.bobs_session, Change.ENDED, began_at=NOON, changed_at=at(60))
        )
        keys = sorted([first.pk, second.pk], reverse=True)
        make_anomaly(make_notice(cast.session, began_at=at(-60)))
        make_anomaly(make_notice(cast.session, began_at=at(-3600)))
        acknowledge_anomaly(keys[0], cast.admin)
        review_anomalies([keys[1]], cast.admin, "FALSE_ALARM", "=1+1")

    def stored(self) -> list[dict[str, str]]:
        def text(value: Any) -> str:
            return "" if value is None else str(value)

        return [
            {
                "id": str(anomaly.pk),
                "time": anomaly.time.isoformat(),
                "ended_at": "" if anomaly.ended_at is None else anomaly.ended_at.isoformat(),
                "event": anomaly.event.external_id,
                "session": anomaly.session.external_id,
                "title": anomaly.session.title,
                **{
                    name: text(getattr(anomaly, name))
                    for name in (
                        *("type", "severity", "anomaly_score", "current_engagement"),
                        *("expected_engagement", "deviation", "reason", "verdict"),
                        *("acknowledged_by", "reviewed_by"),
                    )
                },
                "status": anomaly.status.value,
                "verdict_note": anomaly.verdict_note.replace("=1+1", "'=1+1"),
                **{
                    name: "" if moment is None else moment.astimezone(UTC).isoformat()
                    for name in ("acknowledged_at", "reviewed_at")
                    for moment in [getattr(anomaly, name)]
                },
            }
            for anomaly in Anomaly.objects.order_by("-time", "-id")
        ]

    async def download(self, user: User, query: str) -> Any:
        client = AsyncClient()
        await client.aforce_login(user)
        return await client.get(f"{LIST}export/?{query}")

    async def rows(self, response: Any) -> AsyncIterator[dict[str, str]]:
        assert response.status_code == 200
        text = b"".join([part async for part in response]).decode()
        for row in csv.DictReader(StringIO(text, newline="")):
            yield row
