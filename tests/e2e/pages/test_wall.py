"""The wall in a real browser: order, filter and colours."""

import re

import pytest
from playwright.sync_api import Page

from anomalies_app.records import Change
from dashboard.pages.payloads import EndedSession
from tests.e2e.driving.browser import Pages, wait_on
from tests.e2e.driving.stack_process import wait_for
from tests.e2e.scenes.scene import Scene, wait_until_connected
from tests.e2e.scenes.session_scenes import build_quiet_session
from tests.e2e.scenes.stage import Stage
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_event,
    make_metrics,
    make_notice,
    make_point,
    make_session,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.django_db(transaction=True),
]


def shown(page: Page) -> list[str]:
    return page.locator(".card-title:visible").all_inner_texts()


def wait_until_shown(page: Page, titles: list[str]) -> None:
    wait_on(page, lambda: shown(page) == titles, f"the wall shows {titles}", 10)


def test_sessions_with_alerts_come_first_and_the_focus_stays(pages: Pages, cast: Cast) -> None:
    event = cast.session.event
    alpha, beta = make_session(event, "Alpha"), make_session(event, "Beta")
    end = last_tick_end()
    make_metrics(alpha, [0.6] * 20, end - TICK)
    window = pages.log_in("alice")
    window.wait_until_connected()
    assert shown(window.page) == ["Alpha", "Beta", "Keynote"]
    window.page.get_by_role("link", name="Keynote").focus()
    warning, critical = make_notice(beta), make_notice(cast.session, severity="CRITICAL")
    pages.broadcast_changes(warning, critical)
    wait_until_shown(window.page, ["Keynote", "Beta", "Alpha"])
    focused = "document.activeElement.textContent"
    assert window.page.evaluate(focused) == "Keynote"
    over = {"id": critical.id, "began_at": critical.began_at, "changed_at": end}
    pages.broadcast_changes(make_notice(cast.session, Change.ENDED, **over))
    wait_until_shown(window.page, ["Beta", "Alpha", "Keynote"])
    assert window.page.evaluate(focused) == "Keynote"

    # New scores do not change the order.
    card = window.page.locator(".card", has_text="Alpha")
    assert card.locator(".trend").inner_text() == "Steady"
    before = card.locator(".curve").get_attribute("d")
    pages.broadcast(make_point(alpha, 0.1, end), make_point(cast.session, 0.9, end))
    card.get_by_text("Falling").wait_for()
    assert shown(window.page) == ["Beta", "Alpha", "Keynote"]
    assert card.locator(".curve").get_attribute("d") != before
    pages.broadcast_ended(EndedSession(beta.pk, beta.event_id, end))
    wait_until_shown(window.page, ["Alpha", "Keynote"])
    assert window.problems == []


# The parts of cards whose centre is not covered by the link to the session.
NOT_THE_LINK = """() => [...document.querySelectorAll(".card:not([hidden])")].flatMap((card) => {
    const link = card.querySelector(".card-title a");
    return [card, ...card.querySelectorAll("*")].filter((part) => {
        part.scrollIntoView();
        const box = part.getBoundingClientRect();
        if (!box.width || !box.height) return false;
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return top !== link;
    }).map((part) => part.outerHTML);
})"""


def test_a_card_is_a_link_wherever_it_is_clicked(pages: Pages, cast: Cast) -> None:
    silent = make_session(cast.session.event, "Silent")
    make_metrics(silent, [0.2] * 20 + [0.6] * 3, last_tick_end() - 8 * TICK)
    make_metrics(cast.session, [0.9], last_tick_end())
    window = pages.log_in("alice")
    window.wait_until_connected()
    page = window.page
    page.locator(".card.stale", has_text="Silent").wait_for()
    pages.broadcast_changes(make_notice(cast.session))
    page.locator('.card [data-trend="RISING"]:visible').first.wait_for()
    assert page.evaluate(NOT_THE_LINK) == []
    page.get_by_text("Silent").locator("xpath=ancestor::li").click()
    page.wait_for_url(f"**/sessions/{silent.pk}/")


def build_two_events(cast: Cast) -> str:
    other = make_event("Other", cast.alice)
    make_session(other, "Workshop")
    make_session(other, "Rehearsal", ended_at=last_tick_end())
    return "/"


SEARCHED = Scene("searched", build_two_events, act=wait_until_connected)


def test_the_wall_is_searched_by_keyboard_and_the_address_keeps_it(stage: Stage) -> None:
    with stage.show(SEARCHED, 1280) as page:
        keyboard = page.keyboard
        page.get_by_role("combobox", name="Event").focus()
        keyboard.type("Other")
        wait_until_shown(page, ["Workshop"])
        # A single card takes the full width.
        only = page.locator(".card:visible").bounding_box()
        assert only is not None
        assert only["width"] > 1000
        keyboard.press("Tab")
        keyboard.type("work")
        assert page.inner_text("#shown") == "1 of 2 shown"
        keyboard.type("x")
        page.wait_for_selector("#no-match:not([hidden])")
        keyboard.press("Backspace")
        page.reload()
        wait_until_shown(page, ["Workshop"])
        assert re.search(r"\?event=\d+&q=work$", page.url)

        page.get_by_role("searchbox").fill("")
        page.get_by_role("link", name="Finished").click()
        row = page.locator(".finished li")
        row.get_by_role("link", name="Rehearsal").wait_for()
        assert row.count() == 1
        # In the viewer's time zone and locale, no longer the server's.
        wait_on(page, lambda: "UTC" not in row.inner_text(), "local times", 60)


def test_the_wall_fills_the_screen_and_comes_back(stage: Stage) -> None:
    with stage.show(SEARCHED, 1920) as page:
        page.get_by_role("button", name="Full screen").click()
        page.wait_for_selector(":root[data-wall]")
        assert not page.get_by_role("searchbox").is_visible()
        assert page.url.endswith("/?wall=1")
        overflow = "document.documentElement.scrollHeight - innerHeight"
        assert page.evaluate(overflow) <= 0
        page.get_by_role("button", name="Exit full screen").click()
        page.wait_for_selector(":root:not([data-wall])")
        assert page.get_by_role("searchbox").is_visible()


def test_light_and_dark_can_be_chosen(stage: Stage) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    grid = "Chart.getChart('chart').options.scales.y.grid.color"
    with stage.show(Scene("chart", build_quiet_session), 1280, "light") as page:
        light, light_grid = page.evaluate(back), page.evaluate(grid)
        page.get_by_label("Colour scheme").select_option("Dark")
        dark, dark_grid = page.evaluate(back), page.evaluate(grid)
        assert dark != light
        assert dark_grid != light_grid
        page.reload()
        assert (page.evaluate(back), page.evaluate(grid)) == (dark, dark_grid)
        page.get_by_label("Colour scheme").select_option("System")
        assert (page.evaluate(back), page.evaluate(grid)) == (light, light_grid)
        page.emulate_media(color_scheme="dark")
        # The system's change arrives as a separate event, shortly after the style changes.
        wait_for(
            lambda: (page.evaluate(back), page.evaluate(grid)) == (dark, dark_grid),
            "the colours follow the system's",
        )
