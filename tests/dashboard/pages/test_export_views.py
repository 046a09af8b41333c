"""Downloads: who gets which, of what range, and under which name."""

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient

from tests.dashboard.conftest import logged_in
from tests.dashboard.pages.test_export import FORMATS, NOON, download
from tests.factories import Cast, make_session

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("connections_closed"),
]


@pytest.mark.parametrize("what", FORMATS)
@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"from": "yesterday"}, "'from' is not a time in ISO 8601"),
        ({"to": "2026-13-01T00:00Z"}, "'to' is not a time in ISO 8601"),
        ({"to": "2026-11-22T12:00:00"}, "'to' has no time zone"),
        ({"from": "2026-11-22"}, "'from' has no time zone"),
        ({"from": "2026-11-22T12:00:00 01:00"}, "%2B"),
        ({"from": "0001-01-01T00:00+01:00"}, "'from' is out of range"),
        (
            {"from": "2026-11-22T12:00:05Z", "to": "2026-11-22T12:00Z"},
            "'to' (2026-11-22T12:00:00+00:00) is before 'from' (2026-11-22T12:00:05+00:00)",
        ),
    ],
)
async def test_a_bad_range_is_refused_with_the_reason(
    cast: Cast, what: str, query: dict[str, str], complaint: str
) -> None:
    response = await download(cast, what, **query)
    assert response.status_code == 400
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert complaint in response.content.decode()


@pytest.mark.parametrize("what", FORMATS)
async def test_only_who_sees_the_session_gets_it(cast: Cast, what: str) -> None:
    statuses = {}
    for user in (cast.alice, cast.bob, cast.charlie, cast.admin):
        statuses[user.username] = (await download(cast, what, user=user)).status_code
    assert statuses == {"alice": 200, "bob": 404, "charlie": 404, "admin": 200}
    stranger = await AsyncClient().get(f"/sessions/{cast.session.pk}/{what}")
    assert (stranger.status_code, stranger.url.split("?")[0]) == (302, "/login/")


@pytest.mark.parametrize("what", ["metrics.xml", "users.csv", "metrics", "metrics."])
def test_there_is_nothing_else_to_download(cast: Cast, what: str) -> None:
    page = logged_in(cast.alice).get(f"/sessions/{cast.session.pk}/{what}")
    assert page.status_code == 404


async def test_files_are_named_after_session_and_range(cast: Cast) -> None:
    query = {"from": "2026-11-22T12:00+01:00", "to": "2026-11-22T12:30:05Z"}
    response = await download(cast, "anomalies.json", **query)
    assert response["Content-Disposition"] == (
        'attachment; filename="keynote-anomalies-20261122T110000Z-20261122T123005Z.json"'
    )


async def test_a_file_of_the_whole_session_is_named_after_its_start_and_end(cast: Cast) -> None:
    end = NOON + timedelta(hours=1)
    session = await database_sync_to_async(make_session)(
        cast.session.event, '"; evil="\r\nX: 1/../', started_at=NOON, ended_at=end
    )
    response = await download(cast, "metrics.csv", session)
    assert response["Content-Disposition"] == (
        'attachment; filename="evil-x-1-metrics-20261122T120000Z-20261122T130000Z.csv"'
    )
    session = await database_sync_to_async(make_session)(
        cast.session.event, "\N{SNOWMAN}", started_at=NOON, ended_at=end
    )
    response = await download(cast, "metrics.csv", session)
    assert f'filename="session-{session.pk}-metrics-' in response["Content-Disposition"]
