"""An admin works through the list of anomalies, in a browser."""

import csv

import pytest

from anomalies_app.models import Anomaly, AnomalyReview
from anomalies_app.records import Change
from anomalies_app.review import review_anomalies
from tests.e2e.driving.browser import Pages, Window, wait_on
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LIST = "/admin/anomalies_app/anomaly/"


def press(window: Window, name: str) -> None:
    with window.page.expect_navigation():
        window.page.get_by_role("button", name=name).first.click()


def verdicts(*anomalies: Anomaly) -> list[tuple[str, str]]:
    stored = Anomaly.objects.in_bulk([anomaly.pk for anomaly in anomalies])
    return [(stored[each.pk].verdict, stored[each.pk].verdict_note) for each in anomalies]


def act_on(window: Window, places: tuple[int, ...], action: str, note: str = "") -> None:
    """Selects anomalies of the list by index, and runs an action on them."""
    for place in places:
        window.page.locator("#result_list tbody tr").nth(place).get_by_role("checkbox").check()
    window.page.get_by_role("combobox", name="Action:").select_option(label=action)
    window.page.get_by_role("textbox", name="Note:").fill(note)
    press(window, "Go")


def downloaded(window: Window) -> list[tuple[str, str, str]]:
    """ID, verdict and acknowledging user of each anomaly in the download."""
    with window.page.expect_download() as download:
        window.page.get_by_role("link", name="Download as CSV").click()
    with download.value.path().open(newline="", encoding="utf-8") as file:
        return [(row["id"], row["verdict"], row["acknowledged_by"]) for row in csv.DictReader(file)]


def test_anomalies_are_reviewed_one_by_one_many_at_once_and_downloaded(
    pages: Pages, cast: Cast
) -> None:
    newest = make_anomaly(make_notice(cast.session, ago=40))
    others = [make_anomaly(make_notice(cast.session, Change.ENDED, ago)) for ago in (400, 800)]
    alice = pages.log_in("alice", f"/sessions/{cast.session.pk}/")
    admin = pages.log_in("admin")
    admin.open(LIST)
    rows = admin.page.locator("#result_list tbody tr")
    assert rows.count() == 3

    admin.page.get_by_role("textbox", name="Note:").fill("A break.")
    with admin.page.expect_navigation():
        rows.nth(0).get_by_role("button", name="False alarm").click()
    assert verdicts(newest) == [("FALSE_ALARM", "A break.")]
    assert rows.nth(0).locator(".status").inner_text() == "False alarm"
    assert "1 of 1 reviewed" in admin.text(".rates summary")

    act_on(admin, (1, 2), "Confirm", "Sound was lost.")
    assert verdicts(*others) == [("CONFIRMED", "Sound was lost.")] * 2

    act_on(admin, (0,), "Acknowledge")
    said = alice.page.locator(".banner [data-field=acknowledged]")
    wait_on(
        alice.page,
        lambda: said.inner_text().startswith("Acknowledged by"),
        "the organizer sees that the admin acknowledged it",
        10,
    )

    assert downloaded(admin) == [
        (str(newest.pk), "FALSE_ALARM", "admin"),
        *((str(other.pk), "CONFIRMED", "") for other in others),
    ]

    admin.open(f"{LIST}{newest.pk}/change/")
    admin.page.wait_for_selector("#anomaly-chart[data-drawn]")
    press(admin, "Withdraw verdict")
    assert verdicts(newest) == [("", "A break.")]
    assert AnomalyReview.objects.count() == 5
    assert alice.problems == admin.problems == []


def test_the_list_and_its_rates_fit_a_phone(pages: Pages, cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session, type="LOW_ENGAGEMENT"))
    review_anomalies([anomaly.pk], cast.admin, "FALSE_ALARM")
    admin = pages.log_in("admin", width=320)
    admin.open(LIST)
    assert "100 %" in admin.text(".rates table")
    right = "document.querySelector('{}').getBoundingClientRect().right"
    panel, table = (admin.page.evaluate(right.format(each)) for each in (".rates", ".rates table"))
    assert table < panel
    assert admin.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert admin.problems == []
