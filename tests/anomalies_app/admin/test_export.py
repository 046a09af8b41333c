"""The list of anomalies as CSV."""

import csv
from io import StringIO

import pytest
from asgiref.sync import async_to_sync

from anomalies_app.admin import export
from anomalies_app.models import Anomaly
from sessions_app.queries import pages
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def exported() -> list[dict[str, str]]:
    async def content() -> str:
        response = export.anomalies_as_csv(Anomaly.objects.all())
        assert response["Content-Type"].startswith("text/csv")
        return "".join([part.decode() async for part in response])

    return list(csv.DictReader(StringIO(async_to_sync(content)())))


@pytest.mark.parametrize("size", [1, 2, 3, 2_000])
def test_all_are_there_newest_first_whatever_the_size_of_a_page(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", size)
    # Two of one time are in pages of their own, too.
    for session, ago in ((cast.session, 60), (cast.bobs_session, 60), (cast.session, 30)):
        make_anomaly(make_notice(session, ago=ago))
    rows = exported()
    expected = Anomaly.objects.order_by("-time", "-id").values_list("pk", flat=True)
    assert [row["id"] for row in rows] == [str(key) for key in expected]


def test_a_row_tells_what_was_done(cast: Cast) -> None:
    make_anomaly(
        make_notice(cast.session),
        verdict="FALSE_ALARM",
        verdict_note="=1+1",
        reviewed_by=cast.admin,
        acknowledged_by=cast.alice,
    )
    (row,) = exported()
    assert (row["status"], row["reviewed_by"], row["acknowledged_by"]) == (
        "FALSE_ALARM", "admin", "alice",
    )  # fmt: skip
    assert (row["session"], row["title"]) == (cast.session.external_id, "Keynote")
    assert not row["verdict_note"].startswith("=")


def test_nothing_is_a_table_without_rows(cast: Cast) -> None:
    assert exported() == []
