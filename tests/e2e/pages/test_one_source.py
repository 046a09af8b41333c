"""Everything that changes on a page has one source, for the first paint and for updates."""

import re
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page

from dashboard.live import broadcast
from dashboard.pages import payloads
from sessions_app.models import EngagementMetric
from tests.e2e.driving.browser import Pages, Window
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_metrics,
    make_notice,
    make_point,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

# Texts of everything that scripts may write, by position. Excludes times, which depend on the
# viewer, and ages, which only scripts write.
SHOWN = """() => Object.fromEntries(
    [...document.querySelectorAll("main :is([data-field], [data-signal], [id], .unit, dt)")]
    .filter((place) => !place.matches(":has(*), time, path, option, script"))
    .filter((place) => !place.closest(":is(time-span, score-trend, score-curve, .since)"))
    .filter((place) => !place.closest("score-statistics"))
    .map((place) => {
        const { id, dataset } = place;
        const around = place.closest("[data-session], [data-contribution], [data-signal-card]");
        const names = [{ ...around?.dataset }, id, { ...dataset }];
        return [JSON.stringify(names), place.textContent.trim()];
    })
)"""
# Written by the canvas, the sparklines and the socket only, not by the server.
ONLY_SCRIPTS = ("range", "age", "connection", "announcement", "problem", "state", "score-title")


def texts(window: Window) -> dict[str, str]:
    shown = window.page.evaluate(SHOWN)
    return {
        name: text for name, text in shown.items() if not any(part in name for part in ONLY_SCRIPTS)
    }


def make_scores(cast: Cast, scores: list[float], end: datetime) -> None:
    """Replaces all metrics of the session."""
    EngagementMetric.objects.filter(session=cast.session).delete()
    make_metrics(cast.session, scores, end)


def build_troubled(cast: Cast) -> None:
    """Scores and signals that end in halves, an acknowledged alert, and thousands."""
    session = cast.session
    make_scores(cast, [0.6, 0.125, 0.625], last_tick_end())
    EngagementMetric.objects.filter(session=session).update(
        chat_msgs_per_min=12.5,
        active_users=1_308,
        total_users=1_500,
        poll_participation=0.125,
        reactions_per_min=2.5,
        user_leave_rate=0.005,
    )
    anomaly = make_anomaly(
        make_notice(session, ago=40, current_engagement=0.345, expected_engagement=0.625)
    )
    anomaly.acknowledged_by, anomaly.acknowledged_at = cast.alice, last_tick_end()
    anomaly.save()


@pytest.mark.parametrize("path", ["/", "/sessions/{}/"])
def test_scripts_say_what_the_first_paint_said(pages: Pages, cast: Cast, path: str) -> None:
    build_troubled(cast)
    said = []
    for options in ({"java_script_enabled": False}, {"locale": "en-GB"}):
        window = pages.log_in("alice", timezone_id="UTC", **options)
        window.open(path.format(cast.session.pk))
        if "locale" in options:
            window.wait_until_connected()
        said.append(texts(window))
    without, with_scripts = said
    assert len(without) > 10
    # The server shows its own time zone, not the viewer's.
    assert {name: text.removesuffix(" UTC") for name, text in without.items()} == with_scripts


def test_an_update_says_what_the_next_first_paint_says(pages: Pages, cast: Cast) -> None:
    end = last_tick_end()
    make_scores(cast, [0.6] * 20, end - TICK)
    window = pages.log_in(
        "alice", f"/sessions/{cast.session.pk}/", locale="en-GB", timezone_id="UTC"
    )
    make_metrics(cast.session, [0.125], end)
    pages.broadcast(make_point(cast.session, 0.125, end))
    window.wait_for_text("#score-value", "13")
    updated = texts(window)
    statistics = window.text("#statistics")
    trend = window.text("#score-trend")
    window.page.reload()
    window.wait_until_connected()
    assert texts(window) == updated
    assert (window.text("#statistics"), window.text("#score-trend")) == (statistics, trend)
    assert window.problems == []


def without_script(name: str) -> Any:
    """Blocks the script of a page, so that its first paint stays."""

    def prepare(page: Page) -> None:
        page.route(f"**/js/{name}.*", lambda route: route.abort())

    return prepare


@pytest.mark.parametrize(("path", "script"), [("/", "overview"), ("/sessions/{}/", "session")])
def test_what_only_scripts_draw_is_in_the_first_paint(
    pages: Pages, cast: Cast, path: str, script: str
) -> None:
    make_scores(cast, [0.6] * 12 + [0.2] * 3, last_tick_end())
    make_anomaly(make_notice(cast.session, ago=3_600))
    window = pages.log_in("alice")
    without_script(script)(window.page)
    window.open(path.format(cast.session.pk))
    assert window.text(".trend >> visible=true") == "Falling"
    age = window.page.locator(":is(.card:not([hidden]), .banners) time-span").text_content()
    assert re.fullmatch("1 h [01] min", age or "")
    if script == "overview":
        curve = window.page.locator(".card:visible .curve").get_attribute("d")
        assert curve == "M45 40" + "".join(f"L{46 + n} 40" for n in range(11)) + "".join(
            f"L{57 + n} 80" for n in range(3)
        )
        threshold = window.page.locator(".card:visible .threshold").get_attribute("d")
        assert threshold == "M0 70h59"
    else:
        assert window.text("#statistics") == "Average\n52 %\nRange\n20\N{EN DASH}60 %\nPoints\n15"


def test_trends_curves_and_lengths(pages: Pages, cast: Cast) -> None:
    trends: list[tuple[list[int | None], str | None]] = [
        ([50] * 60, "STEADY"),
        ([50] * 59 + [90], "RISING"),
        ([60] * 12 + [50] * 3, "FALLING"),
        ([50] * 12 + [54] * 3, "STEADY"),
        ([50] * 12 + [55] * 3, "RISING"),
        ([10] * 40 + [50] * 20, "STEADY"),  # it rose, but not within the last minute
        ([70, None, None, *[None] * 9, 50, None, 52], "FALLING"),
        ([None] * 3 + [50] * 12, None),
        ([50] * 12, None),
        ([50] * 12 + [None] * 3, None),
        ([], None),
    ]
    lengths = {
        -3_000: "0 s",
        40_499: "40 s",
        59_500: "1 min",
        89_000: "1 min",
        90_000: "2 min",
        298_000: "5 min",
        3_569_000: "59 min",
        3_599_000: "1 h 0 min",
        3_900_000: "1 h 5 min",
    }
    window = pages.log_in("alice")
    window.open("/")
    shown = window.page.evaluate(
        """async ([series, lengths]) => {
            const { area, curve, trend } = await import("/static/js/wall.js");
            const { duration } = await import("/static/js/format.js");
            const holes = [20, 30, null, 100];
            const drawn = [curve(holes), area(holes), area([null])];
            return [series.map(trend), ...drawn, lengths.map(duration)];
        }""",
        [[scores for scores, _ in trends], [*lengths]],
    )
    assert shown == [
        [expected for _, expected in trends],
        "M56 80L57 70M59 0",
        "M56 100L56 80L57 70L57 100ZM59 100L59 0L59 100Z",
        "",
        [*lengths.values()],
    ]


def of_previous_release(point: dict[str, Any]) -> dict[str, Any]:
    """A point as sent by a worker of the previous release."""
    return {name: value for name, value in point.items() if name != "percent"}


@pytest.mark.parametrize(
    ("path", "score"),
    [("/", ".card:visible [data-field=score]"), ("/sessions/{}/", "#score-value")],
)
def test_points_of_the_previous_release_are_requested_again(
    pages: Pages, cast: Cast, monkeypatch: pytest.MonkeyPatch, path: str, score: str
) -> None:
    end = last_tick_end()
    make_scores(cast, [0.5] * 15, end - TICK)
    window = pages.log_in("alice", path.format(cast.session.pk))
    make_metrics(cast.session, [0.71], end)
    old = payloads.update_payloads
    with monkeypatch.context() as patch:
        patch.setattr(
            broadcast,
            "update_payloads",
            lambda *given: [of_previous_release(point) for point in old(*given)],
        )
        pages.broadcast(make_point(cast.session, 0.71, end))
    window.wait_for_text(score, "71")
    pages.broadcast(make_point(cast.session, 0.72, end + TICK))
    window.wait_for_text(score, "72")
    assert window.problems == []
