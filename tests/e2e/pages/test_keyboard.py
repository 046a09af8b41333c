"""Keyboard only, from login to logout: the focus is visible at every step."""

import re

import pytest
from playwright.sync_api import Page

from anomalies_app.models import Anomaly
from tests.e2e.driving.browser import Pages, Window
from tests.factories import PASSWORD, Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

MOST_STEPS = 40
NAME = """() => {
    const { activeElement: element } = document;
    const { ariaLabel, labels, textContent } = element;
    return ariaLabel || (labels?.[0]?.textContent ?? textContent).trim();
}"""
# Whether the focus ring is visible; on cards and rows it surrounds the whole element.
IS_VISIBLE = """() => {
    const { activeElement: element } = document;
    const ringed = element.closest(".card, .finished li") ?? element;
    const style = getComputedStyle(ringed);
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const isOnTop = top !== null && (element.contains(top) || top.contains(element));
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && isOnTop;
}"""


def step_to(page: Page, name: str) -> None:
    """Tabs to the element with a name; the focus must be visible at every step."""
    passed = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            continue  # the browser's own UI; the next step returns to the page
        passed.append(page.evaluate(NAME))
        assert page.evaluate(IS_VISIBLE), f"the focus is not visible on {passed[-1]!r}"
        if passed[-1].startswith(name):
            return
    raise AssertionError(f"no step reaches {name!r}, only {passed}")


def log_in(window: Window) -> None:
    window.open("/login/")
    assert window.page.evaluate(NAME) == "Username"  # focused on load
    window.page.keyboard.type("alice")
    step_to(window.page, "Password")
    window.page.keyboard.type(PASSWORD)
    window.page.keyboard.press("Enter")
    window.page.wait_for_url(window.base + "/")


def test_the_keyboard_leads_from_the_login_to_the_logout(pages: Pages, cast: Cast) -> None:
    make_anomaly(make_notice(cast.session, ago=40))
    window = pages.window()
    page, keyboard = window.page, window.page.keyboard
    log_in(window)

    window.wait_until_connected()
    step_to(page, "Colour scheme")
    keyboard.type("Dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    step_to(page, "Search titles")
    keyboard.type("nothing")
    page.wait_for_selector("#no-match:not([hidden])")
    for _ in "nothing":
        keyboard.press("Backspace")
    keyboard.type("key")
    step_to(page, "Keynote")
    keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/sessions/\d+/$"))

    window.wait_until_connected()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    step_to(page, "Alert settings")
    keyboard.press("Enter")
    step_to(page, "Sound")
    keyboard.press("Space")
    assert page.is_checked("#preference-sound")
    keyboard.press("Escape")
    assert page.evaluate(NAME) == "Alert settings"
    step_to(page, "Acknowledge")
    keyboard.press("Enter")
    page.get_by_text("Acknowledged by alice at").first.wait_for()
    assert Anomaly.objects.get().acknowledged_by == cast.alice
    step_to(page, "30 min")
    keyboard.press("Enter")
    page.wait_for_selector("#chart-message[hidden]", state="attached")
    assert window.text("#chart-title") == "Last 30 minutes"
    step_to(page, "Engagement over time")
    keyboard.press("Home")

    step_to(page, "Log out")
    keyboard.press("Enter")
    page.wait_for_url("**/login/**")
    assert window.problems == []
