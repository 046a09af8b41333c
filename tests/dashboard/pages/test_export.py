"""Downloads of metrics and anomalies: who gets them, and that they are what is stored."""

import csv
import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient

from anomalies_app.models import Anomaly
from anomalies_app.records import Change
from anomalies_app.review import review_anomalies
from sessions_app.models import EngagementMetric, Session
from sessions_app.queries import pages
from tests.factories import (
    TICK,
    Cast,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("connections_closed"),
]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORMATS = ("metrics.csv", "metrics.json", "anomalies.csv", "anomalies.json")
HOSTILE = '=HYPERLINK("http://evil.example","won")'


async def download(
    cast: Cast, what: str, session: Session | None = None, user: Any = None, **query: str
) -> Any:
    client = AsyncClient()
    await client.aforce_login(user or cast.alice)
    return await client.get(f"/sessions/{(session or cast.session).pk}/{what}", query)


async def content(response: Any) -> str:
    assert response.status_code == 200
    return b"".join([part async for part in response]).decode()


async def table(response: Any) -> list[dict[str, str]]:
    return [*csv.DictReader(StringIO(await content(response), newline=""))]


@database_sync_to_async
def stored_metrics(session: Session, **where: Any) -> list[dict[str, Any]]:
    """What the database has, in the order of time."""
    return [*EngagementMetric.objects.filter(session=session, **where).order_by("time").values()]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
async def test_rows_are_those_of_the_database_whatever_the_size_of_a_page(
    cast: Cast, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", size)
    scores = [0.1, 0.2, 1 / 3, 0.4, 0.9]
    await database_sync_to_async(make_metrics)(cast.session, scores, NOON)
    await database_sync_to_async(make_metrics)(cast.bobs_session, scores, NOON)
    rows = await table(await download(cast, "metrics.csv"))
    stored = await stored_metrics(cast.session)
    assert len(rows) == len(stored) == 5
    for row, values in zip(rows, stored, strict=True):
        assert row["session"] == cast.session.external_id
        assert datetime.fromisoformat(row["time"]) == values["time"]
        figures = values.keys() - {"time", "session_id"}
        assert row.keys() == figures | {"session", "title", "time", "category"}
        assert {name: float(row[name]) for name in figures} == {
            name: values[name] for name in figures
        }
    assert [row["category"] for row in rows] == ["VERY_LOW", "LOW", "LOW", "MODERATE", "VERY_HIGH"]


async def test_json_has_the_same_rows(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", 2)
    await database_sync_to_async(make_metrics)(cast.session, [0.1, 0.2, 1 / 3, 0.4, 0.9], NOON)
    response = await download(cast, "metrics.json", to=NOON.isoformat())
    assert response["Content-Type"] == "application/json"
    told = json.loads(await content(response))
    assert told["session"] == cast.session.external_id
    assert (told["title"], told["from"]) == ("Keynote", None)
    assert datetime.fromisoformat(told["to"]) == NOON
    stored = await stored_metrics(cast.session)
    assert [row["score"] for row in told["metrics"]] == [row["score"] for row in stored]
    assert [datetime.fromisoformat(row["time"]) for row in told["metrics"]] == [
        row["time"] for row in stored
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"from": "2026-11-22T11:59:50Z"}, [2, 3, 4]),
        ({"to": "2026-11-22T12:59:50+01:00"}, [0, 1, 2]),
        ({"from": "2026-11-22T11:59:45+00:00", "to": "2026-11-22T11:59:55Z"}, [1, 2, 3]),
        ({"from": "1990-01-01T00:00Z", "to": "9999-01-01T00:00Z"}, [0, 1, 2, 3, 4]),
        ({"from": "2030-01-01T00:00Z"}, []),
        ({"from": "", "to": ""}, [0, 1, 2, 3, 4]),
    ],
)
async def test_a_range_holds_both_of_its_ends(
    cast: Cast, query: dict[str, str], expected: list[int]
) -> None:
    await database_sync_to_async(make_metrics)(cast.session, [0.0, 0.1, 0.2, 0.3, 0.4], NOON)
    rows = await table(await download(cast, "metrics.csv", **query))
    assert [round(float(row["score"]) * 10) for row in rows] == expected
    told = json.loads(await content(await download(cast, "metrics.json", **query)))
    assert [round(row["score"] * 10) for row in told["metrics"]] == expected


async def test_nothing_is_changed_by_a_download(cast: Cast) -> None:
    client = AsyncClient()
    await client.aforce_login(cast.alice)
    assert (await client.post(f"/sessions/{cast.session.pk}/metrics.csv")).status_code == 405


def make_reviewed(cast: Cast) -> Anomaly:
    notice = make_notice(
        cast.session, Change.ENDED, began_at=NOON, changed_at=NOON + 6 * TICK, reason=HOSTILE
    )
    anomaly = make_anomaly(notice)
    review_anomalies([anomaly.pk], cast.admin, "FALSE_ALARM", "@broken microphone")
    return Anomaly.objects.get(pk=anomaly.pk)


async def test_anomalies_tell_what_happened_and_what_was_done(cast: Cast) -> None:
    anomaly = await database_sync_to_async(make_reviewed)(cast)
    [row] = await table(await download(cast, "anomalies.csv"))
    assert row["id"] == str(anomaly.id)
    assert datetime.fromisoformat(row["time"]) == NOON
    assert datetime.fromisoformat(row["ended_at"]) == NOON + 6 * TICK
    assert (row["type"], row["severity"]) == ("MASS_EXIT", "WARNING")
    assert float(row["anomaly_score"]) == anomaly.anomaly_score
    assert float(row["active_users"]) == anomaly.signals["active_users"]
    assert (row["verdict"], row["reviewed_by"]) == ("FALSE_ALARM", "admin")
    assert datetime.fromisoformat(row["reviewed_at"]) == anomaly.reviewed_at
    told = json.loads(await content(await download(cast, "anomalies.json")))
    [same] = told["anomalies"]
    assert (same["id"], same["reason"]) == (str(anomaly.id), HOSTILE)
    assert same["verdict_note"] == "@broken microphone"
    assert same["acknowledged_by"] is None


async def test_texts_are_no_formulas_in_a_spreadsheet(cast: Cast) -> None:
    await database_sync_to_async(make_reviewed)(cast)
    await Session.objects.filter(pk=cast.session.pk).aupdate(title=HOSTILE)
    [row] = await table(await download(cast, "anomalies.csv"))
    assert row["reason"] == row["title"] == f"'{HOSTILE}"
    assert row["verdict_note"] == "'@broken microphone"


@pytest.mark.parametrize("what", FORMATS)
async def test_a_session_without_anything_is_an_empty_table(cast: Cast, what: str) -> None:
    text = await content(await download(cast, what))
    if what.endswith(".csv"):
        assert [*csv.reader(StringIO(text, newline=""))][1:] == []
    else:
        assert json.loads(text)[what.removesuffix(".json")] == []


async def test_two_sessions_of_one_time_are_kept_apart(cast: Cast) -> None:
    event = await database_sync_to_async(make_event)("Another", cast.alice)
    other = await database_sync_to_async(make_session)(event, "Other")
    await database_sync_to_async(make_metrics)(cast.session, [0.1], NOON)
    await database_sync_to_async(make_metrics)(other, [0.9], NOON)
    [row] = await table(await download(cast, "metrics.csv", other))
    assert (row["title"], row["score"]) == ("Other", "0.9")
