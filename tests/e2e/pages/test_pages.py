"""The pages in a real browser: they update and reconnect by themselves, and fit the screen."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from dashboard.pages.payloads import EndedSession
from sessions_app.control.announcements import begin_break
from sessions_app.models import EngagementMetric
from tests.e2e.driving.browser import Pages, Window, wait_on
from tests.e2e.driving.stack_process import wait_for
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_point,
    make_session,
)
from tests.servers.restartable_valkey import RestartableValkey

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WIDTHS = (320, 375, 1280, 2560)
LONG = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen" * 3
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"></script><script>x</script>'


def open_session(pages: Pages, cast: Cast) -> Window:
    return pages.log_in("alice", f"/sessions/{cast.session.pk}/")


def chart_points(window: Window) -> list[dict[str, Any]]:
    return window.page.evaluate(
        "Chart.getChart('chart').data.datasets[0].data.map(({ x, y }) => ({ x, y }))"
    )


def test_an_organizer_logs_in_and_sees_a_session_move(
    pages: Pages, cast: Cast, tmp_path: Path
) -> None:
    window = pages.log_in("alice")
    card = window.page.locator(".card:visible")
    assert card.count() == 1
    card.click()
    window.page.wait_for_url("**/sessions/*/")
    window.wait_until_connected()
    assert window.text("#score-value") == "50"
    pages.broadcast(make_point(cast.session, 0.83))
    window.wait_for_text("#score-value", "83")
    assert window.text("#score-category") == "Very high"
    assert window.text("#statistics-range") == "30\N{EN DASH}83"
    assert window.text("#statistics-points") == "41"
    assert window.page.title().startswith("83 % Keynote")
    assert chart_points(window)[-1]["y"] == 0.83
    window.page.screenshot(path=tmp_path / "session.png")
    assert window.problems == []


def test_a_point_that_is_already_there_changes_nothing(pages: Pages, cast: Cast) -> None:
    window = open_session(pages, cast)
    known = EngagementMetric.objects.filter(session=cast.session).latest("time").time
    point = make_point(cast.session, 0.7, known + TICK)
    pages.broadcast(point)
    pages.broadcast(make_point(cast.session, 0.1, point.time - 5 * TICK))
    pages.broadcast(point)
    window.wait_for_text("#score-value", "70")
    times = [point["x"] for point in chart_points(window)]
    assert times == sorted(set(times))
    assert window.text("#statistics-points") == "41"


def test_a_gap_triggers_a_snapshot_and_otherwise_stays_open(pages: Pages, cast: Cast) -> None:
    window = open_session(pages, cast)
    last = EngagementMetric.objects.latest("time").time
    make_metrics(cast.session, [0.61], last + TICK)
    pages.broadcast(make_point(cast.session, 0.62, last + 2 * TICK))
    window.wait_for_text("#statistics-points", "42")
    assert [point["y"] for point in chart_points(window)][-3:] == [0.5, 0.61, 0.62]
    pages.broadcast(make_point(cast.session, 0.63, last + 9 * TICK))
    window.wait_for_text("#score-value", "63")
    assert [point["y"] for point in chart_points(window)][-3:] == [0.62, None, 0.63]


def test_cards_come_and_go_with_their_sessions(pages: Pages, cast: Cast) -> None:
    window = pages.log_in("alice")
    window.wait_until_connected()
    new = make_session(cast.session.event, HOSTILE)
    pages.broadcast(make_point(cast.session, 0.71), make_point(new, 0.25))
    window.wait_for_text("#summary", "2 sessions live now")
    second = window.page.locator(".card >> nth=1")
    wait_on(window.page, lambda: "71" in second.inner_text(), "the other card moves too")
    assert window.page.locator(".card-title:visible").all_inner_texts() == [HOSTILE, "Keynote"]
    assert window.page.evaluate("document.body.dataset.hacked") is None
    for session in (new, cast.session):
        pages.broadcast_ended(EndedSession(session.pk, session.event_id, last_tick_end()))
    window.wait_for_text("#summary", "0 sessions live now")
    assert "No sessions are live" in window.text("#empty")
    assert window.problems == []


def test_a_break_is_shown_while_it_lasts(pages: Pages, cast: Cast) -> None:
    overview = pages.log_in("alice")
    begin_break(cast.session, timezone.now() - TICK)
    overview.open("/")
    window = open_session(pages, cast)
    badges = [(window, "#pause"), (overview, '.card:visible [data-field="pause"]')]
    for page, badge in badges:
        page.wait_until_connected()
        assert page.text(badge) == "Break"
    # After a gap the page would request a snapshot from the database, which still has the break.
    known = EngagementMetric.objects.filter(session=cast.session).latest("time").time
    pages.broadcast(make_point(cast.session, 0.6, known + TICK))
    for page, badge in badges:
        page.page.locator(badge).wait_for(state="hidden", timeout=5_000)
    closing = make_point(cast.session, 0.6, known + 2 * TICK)
    pages.broadcast(closing, pauses={cast.session.pk: "CLOSING"})
    for page, badge in badges:
        page.wait_for_text(badge, "Closing")
    pages.broadcast_ended(EndedSession(cast.session.pk, cast.session.event_id, last_tick_end()))
    window.page.locator("#pause").wait_for(state="hidden", timeout=5_000)
    assert window.problems == overview.problems == []


def test_updates_resume_after_redis_was_killed(
    pages: Pages, cast: Cast, valkey: RestartableValkey
) -> None:
    window = open_session(pages, cast)
    window.page.evaluate("window.notReloaded = true")
    valkey.kill()
    window.page.wait_for_timeout(1_000)
    meanwhile = last_tick_end()
    make_metrics(cast.session, [0.44], meanwhile)
    valkey.start()

    def moves() -> bool:
        pages.broadcast(make_point(cast.session, 0.77, meanwhile + TICK))
        window.page.wait_for_timeout(200)
        return window.text("#score-value") == "77"

    wait_for(moves, "the page moves again", 15)
    assert window.page.evaluate("window.notReloaded")
    missed = "what was scored meanwhile is there"
    wait_on(window.page, lambda: chart_points(window)[-2]["y"] == 0.44, missed)
    log = pages.product.log("web")
    assert "socket of" not in log  # the socket never had to be closed


def test_pages_reconnect_after_the_server_was_killed(pages: Pages, cast: Cast) -> None:
    window = open_session(pages, cast)
    pages.product.end("web", signal.SIGKILL)
    window.wait_for_state("reconnecting")
    make_metrics(cast.session, [0.44], last_tick_end())
    pages.product.start("web")
    window.wait_until_connected()
    window.wait_for_text("#score-value", "44")


def test_the_indicator_shows_when_updates_stop(pages: Pages, cast: Cast) -> None:
    make_metrics(cast.bobs_session, [0.4], last_tick_end() - timedelta(seconds=40))
    window = pages.log_in("bob")
    window.open(f"/sessions/{cast.bobs_session.pk}/")
    window.wait_for_state("stale")
    assert window.text("#connection").startswith("No update for")
    pages.broadcast(make_point(cast.bobs_session, 0.5))
    window.wait_for_state("live", 5)
    pages.broadcast_ended(
        EndedSession(cast.bobs_session.pk, cast.bobs_session.event_id, last_tick_end())
    )
    window.wait_for_state("ended", 5)
    assert window.text("#connection") == "Session ended"
    assert window.text(".crumbs").startswith("Finished sessions")
    assert window.text("#no-alerts") == "No alerts in this session."
    assert not window.page.is_visible("#score-trend")


def test_a_page_that_is_no_longer_allowed_says_so(pages: Pages, cast: Cast) -> None:
    window = open_session(pages, cast)
    other = window.context.new_page()
    other.goto(window.base + "/")
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url("**/login/")
    window.wait_for_state("refused", 40)


# As in a hidden tab: frames are only drawn once the tab is visible again.
HOLD_FRAMES = """() => {
    const held = [];
    window.requestAnimationFrame = (draw) => held.push(draw);
    window.look = () => held.splice(0).forEach((draw) => draw(performance.now()));
}"""


def test_a_hidden_page_draws_when_it_becomes_visible(pages: Pages, cast: Cast) -> None:
    overview = pages.log_in("alice")
    overview.wait_until_connected()
    overview.page.evaluate(HOLD_FRAMES)
    window = open_session(pages, cast)
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true })"
    window.page.evaluate(hide % "true")
    pages.broadcast(make_point(cast.session, 0.9))
    window.wait_for_text("#score-value", "90")
    assert chart_points(window)[-1]["y"] == 0.5
    score = ".card:visible [data-field=score]"
    overview.page.wait_for_timeout(500)
    assert overview.text(score) == "50"
    wait_for(
        lambda: overview.page.evaluate("look()") or overview.text(score) == "90",
        "the overview is drawn as soon as it is looked at",
        10,
    )
    window.page.evaluate(hide % "false")
    window.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert chart_points(window)[-1]["y"] == 0.9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_screen(pages: Pages, cast: Cast, scheme: str, tmp_path: Path) -> None:
    event = make_event(LONG[:255], cast.alice)
    session = make_session(event, LONG[:255])
    make_metrics(session, [0.1, 0.9])
    begin_break(session, timezone.now())
    make_session(event, LONG[:255], ended_at=timezone.now())
    paths = {"overview": "/", "finished": "/finished/", "session": f"/sessions/{session.pk}/"}
    window = pages.log_in("alice", color_scheme=scheme)
    for width in WIDTHS:
        window.page.set_viewport_size({"width": width, "height": 800})
        for name, path in paths.items():
            window.open(path)
            if name != "finished":
                window.wait_until_connected()
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert window.page.evaluate(overflow) <= 0, (name, width)
            shot = tmp_path / f"{name}-{scheme}-{width}.png"
            window.page.screenshot(path=shot, full_page=True)
            assert shot.stat().st_size > 5_000
    assert window.problems == []


def test_keyboards_can_skip_to_the_content(pages: Pages, cast: Cast) -> None:
    window = open_session(pages, cast)
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.textContent") == "Skip to content"
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"


def test_all_pages_write_numbers_in_the_viewers_language(pages: Pages, cast: Cast) -> None:
    session = cast.session
    session.metrics.update(active_users=1_308, total_users=1_500)
    session.ended_at = last_tick_end()
    session.save()
    window = pages.log_in("alice", locale="de-DE")
    for path in ("/finished/", f"/sessions/{session.pk}/report/", f"/sessions/{session.pk}/"):
        window.open(path)
        window.page.get_by_text("1.308").first.wait_for()
        assert "1,308" not in window.text("main")


def test_the_admin_works_under_the_policy(pages: Pages, cast: Cast) -> None:
    anomaly = make_anomaly(make_notice(cast.session))
    window = pages.log_in("admin")
    for path in (
        "/admin/",
        "/admin/sessions_app/event/",
        f"/admin/sessions_app/event/{cast.session.event_id}/change/",
        "/admin/sessions_app/session/",
        f"/admin/sessions_app/session/{cast.session.pk}/change/",
        "/admin/anomalies_app/anomaly/",
        f"/admin/anomalies_app/anomaly/{anomaly.pk}/change/",
        "/admin/auth/user/add/",
    ):
        window.open(path)
        assert window.page.locator("#site-name, #header").count(), path
    assert window.problems == []
