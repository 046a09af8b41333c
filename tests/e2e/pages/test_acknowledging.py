"""Alerts are acknowledged in one browser and seen in another, by mouse or by keyboard alone."""

import pytest

from anomalies_app.models import Anomaly
from anomalies_app.records import Change
from sessions_app.ticks import TICK_MS
from tests.e2e.driving.browser import Pages, Window, wait_on
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ACKNOWLEDGED = ".banner [data-field=acknowledged]"
FOCUSED = "document.activeElement.dataset.field"


def wait_until_seen(window: Window, words: str) -> None:
    said = window.page.locator(ACKNOWLEDGED)
    wait_on(window.page, lambda: said.inner_text().startswith(words), f"the banner says {words!r}")


def test_an_alert_is_acknowledged_in_one_browser_and_seen_in_another(
    pages: Pages, cast: Cast
) -> None:
    notice = make_notice(cast.session, ago=40)
    make_anomaly(notice)
    path = f"/sessions/{cast.session.pk}/"
    alice, admin = pages.log_in("alice", path), pages.log_in("admin", path)
    overview = pages.log_in("alice", "/")
    button = admin.page.get_by_role("button", name="Acknowledge")
    alice.page.keyboard.press("a")
    for window in (alice, admin):
        wait_until_seen(window, "Acknowledged by alice at ")
        assert window.text("#announcement").startswith("Mass exit: Acknowledged by alice at ")
        assert window.text("#alerts .alert-acknowledged").startswith("Acknowledged by alice")
    assert button.count() == 0
    card = overview.page.locator(".card-acknowledged")
    overview.wait_for_text(".card-acknowledged", alice.text(ACKNOWLEDGED))
    assert card.count() == 1
    assert overview.text("#announcement").startswith("Keynote: Mass exit: Acknowledged by alice")
    # The detector's next notice, which does not contain it, does not undo it.
    pages.broadcast_changes(make_notice(cast.session, Change.ESCALATED, id=notice.id, ago=40))
    admin.wait_for_text(".banner [data-field=severity]", "Warning")
    wait_until_seen(admin, "Acknowledged by alice at ")
    assert Anomaly.objects.get().acknowledged_by == cast.alice
    assert alice.problems == admin.problems == overview.problems == []


def test_the_keyboard_alone_is_enough(pages: Pages, cast: Cast) -> None:
    make_anomaly(make_notice(cast.session, ago=40))
    window = pages.log_in("alice", f"/sessions/{cast.session.pk}/")
    keyboard = window.page.keyboard

    window.page.focus("#preferences summary")
    keyboard.press("Enter")
    for _ in range(3):
        keyboard.press("Tab")
    keyboard.press("Space")  # turns the key off
    keyboard.press("Escape")
    assert window.page.evaluate("document.activeElement.localName") == "summary"
    keyboard.press("a")
    window.page.reload()
    window.wait_until_connected()
    keyboard.press("a")
    assert window.page.locator("kbd:visible").count() == 0

    window.page.focus("#preferences summary")
    keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.textContent").startswith("Acknowledge")
    keyboard.press("Enter")
    wait_until_seen(window, "Acknowledged by alice at ")
    assert window.page.evaluate(FOCUSED) == "acknowledged"
    assert window.text("#announcement") == ""  # the focus moves to it

    window.page.focus("#chart")
    chart = window.page.locator("#chart")
    newest = chart.get_attribute("aria-valuetext")
    keyboard.press("ArrowLeft")
    assert chart.get_attribute("aria-valuetext") != newest
    chosen, latest = (chart.get_attribute(f"aria-value{name}") for name in ("now", "max"))
    assert int(latest or 0) - int(chosen or 0) == TICK_MS
    keyboard.press("Home")
    assert chart.get_attribute("aria-valuenow") == chart.get_attribute("aria-valuemin")
    assert window.problems == []
