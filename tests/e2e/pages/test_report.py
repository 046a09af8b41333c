"""A session's report in a real browser: from the finished tab to a download of its rows."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from sessions_app.models import EngagementMetric, Session
from sessions_app.scoring.score import Signals
from tests.e2e.driving.browser import note_problems
from tests.e2e.scenes.scene import Scene
from tests.e2e.scenes.session_scenes import build_report
from tests.e2e.scenes.stage import Stage
from tests.factories import COUNTS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.django_db(transaction=True),
]

COLUMNS = ("score", *Signals._fields, *COUNTS)


def downloaded(page: Page, index: int) -> str:
    """The text of a download: 0 and 1 are the metrics as CSV and JSON."""
    with page.expect_download() as download:
        page.locator("[data-download]").nth(index).click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def stored(session: Session) -> list[tuple[datetime, list[float]]]:
    rows = EngagementMetric.objects.filter(session=session).order_by("time")
    return [(row.time, [float(getattr(row, name)) for name in COLUMNS]) for row in rows]


def in_csv(text: str) -> list[tuple[datetime, list[float]]]:
    return [
        (datetime.fromisoformat(row["time"]), [float(row[name]) for name in COLUMNS])
        for row in csv.DictReader(text.removeprefix("\ufeff").splitlines())
    ]


def test_downloads_of_a_report_equal_the_database(stage: Stage) -> None:
    problems: list[str] = []
    scene = Scene("report", build_report, prepare=lambda page: note_problems(page, problems))
    with stage.show(scene, 1280) as page:
        session = Session.objects.get(title="Workshop: data you can trust")
        rows = stored(session)
        assert len(rows) > 1_000
        assert in_csv(downloaded(page, 0)) == rows
        metrics = json.loads(downloaded(page, 1))["metrics"]
        assert [
            (datetime.fromisoformat(row["time"]), [row[name] for name in COLUMNS])
            for row in metrics
        ] == rows

        # A part of it, from the tenth to the twentieth row, in the viewer's time zone.
        first, last = rows[9][0], rows[19][0]
        for name, time in (("from", first), ("to", last)):
            script = "time => new Date(time - new Date(time).getTimezoneOffset() * 60000)"
            local = page.evaluate(f"({script})({time.timestamp() * 1000}).toISOString()")
            page.locator(f"[name={name}]").fill(local.removesuffix(".000Z"))
        page.locator("#range-hint", has_text="from").wait_for()
        assert in_csv(downloaded(page, 0)) == rows[9:20]
        page.locator("[name=to]").fill("2020-01-01T00:00:00")
        page.get_by_text("The end is before the start").wait_for()
    assert problems == []
