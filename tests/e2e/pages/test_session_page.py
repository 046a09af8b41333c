"""What a session's page draws and explains, in a real browser."""

from datetime import timedelta

import pytest

from sessions_app.models import EngagementMetric
from tests.e2e.driving.browser import Pages, Window, wait_on
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_metrics,
    make_notice,
    make_point,
    make_poll_moment,
    make_session,
)

SECOND = timedelta(seconds=1)
RECORD_ANNOUNCEMENTS = """() => {
    window.told = [];
    const place = ({ target }) => (target instanceof Element ? target : target.parentElement);
    const isHeard = (change) => !place(change).closest("[aria-hidden=true]");
    const words = ({ target }) => target.textContent;
    const note = (changes) => window.told.push(...changes.filter(isHeard).map(words));
    for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
        const what = { childList: true, characterData: true, subtree: true };
        new MutationObserver(note).observe(region, what);
    }
}"""
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def drawn(window: Window) -> list[float]:
    """The scores that the chart shows."""
    return window.page.evaluate("Chart.getChart('chart').data.datasets[0].data.map(({ y }) => y)")


def wait_until_points(window: Window, count: str) -> None:
    window.wait_for_text("#statistics-points", count, 15)


def test_a_range_is_chosen_kept_in_the_address_and_updated(pages: Pages, cast: Cast) -> None:
    session = make_session(cast.session.event, "Workshop")
    end = last_tick_end()
    # Half an hour is shown in pairs of ticks; the next tick must not split a pair.
    end -= end.timestamp() % 10 * SECOND
    make_metrics(session, [0.2] * 1_000 + [0.8] * 60, end)
    window = pages.log_in("alice", f"/sessions/{session.pk}/")
    wait_until_points(window, "60")

    window.page.get_by_role("link", name="30 min").click()
    wait_until_points(window, "360")
    assert window.page.url.endswith("?range=30m")
    assert window.text("#chart-title") == "Last 30 minutes"
    assert window.text("#statistics-range") == "20\N{EN DASH}80"
    assert len(drawn(window)) <= 300
    pages.broadcast(make_point(session, 0.9, end + TICK))
    window.wait_for_text("#score-value", "90")
    assert drawn(window)[-1] == 0.9

    window.page.get_by_role("link", name="All").click()
    wait_until_points(window, "1,061")
    window.page.go_back()
    wait_until_points(window, "360")
    window.page.reload()
    wait_until_points(window, "360")
    current = window.page.locator("#ranges [aria-current]")
    assert current.all_inner_texts() == ["30 min"]
    assert window.problems == []


def test_polls_and_alerts_are_described_at_their_points(pages: Pages, cast: Cast) -> None:
    end = EngagementMetric.objects.latest("time").time
    make_poll_moment(cast.session, "poll", "FIRST_VOTE", end - TICK)
    make_anomaly(make_notice(cast.session, began_at=end - 2 * TICK))
    window = pages.log_in("alice", f"/sessions/{cast.session.pk}/")
    chart = window.page.locator("#chart")
    closed = make_poll_moment(cast.session, "poll", "CLOSED", end, voters=30)
    pages.broadcast_polls(closed)
    pages.broadcast(make_point(cast.session, 0.6, end + TICK))
    window.wait_for_text("#score-value", "60")

    chart.focus()
    told = []
    for _ in range(4):
        told.append(chart.get_attribute("aria-valuetext"))
        window.page.keyboard.press("ArrowLeft")
    assert "60 % · High, 14 chat/min, 3 reactions/min, 120 of 150 people active" in told[0]
    assert "Poll closed at" in told[1]
    assert told[1].endswith("30 of 120 voted")
    assert "First vote of a poll at" in told[2]
    assert told[3].endswith("Mass exit begins")
    assert window.problems == []


def test_a_range_that_cannot_be_loaded_is_retried(pages: Pages, cast: Cast) -> None:
    window = pages.log_in("alice")
    window.page.route("**/history/*", lambda route: route.fulfill(status=503))
    window.open(f"/sessions/{cast.session.pk}/?range=2h")
    window.wait_for_text("#chart-message", "This range could not be loaded; retrying.")
    assert drawn(window) == []
    window.page.unroute("**/history/*")
    wait_on(window.page, lambda: len(drawn(window)) == 40, "it is there", 15)
    assert window.page.locator("#chart-message:visible").count() == 0


def test_score_updates_are_not_read_out(pages: Pages, cast: Cast) -> None:
    end = EngagementMetric.objects.latest("time").time
    window = pages.log_in("alice", f"/sessions/{cast.session.pk}/")
    window.page.focus("#chart")
    window.page.keyboard.press("ArrowLeft")
    chart = window.page.locator("#chart")
    chosen = [chart.get_attribute(f"aria-value{name}") for name in ("now", "text")]
    window.page.evaluate(RECORD_ANNOUNCEMENTS)
    for number in range(1, 4):
        pages.broadcast(make_point(cast.session, 0.3 * number, end + number * TICK))
        window.wait_for_text("#score-value", str(30 * number))
    # At most the state of the connection, if that changes.
    assert set(window.page.evaluate("window.told")) <= {"Live", "No update"}
    assert [chart.get_attribute(f"aria-value{name}") for name in ("now", "text")] == chosen
    assert window.text("#score-trend") == "Rising"
