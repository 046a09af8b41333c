"""Alerts on the pages in a real browser: raised once, escalated in place, removed again."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyChange, Change
from dashboard.pages.payloads import EndedSession
from tests.e2e.driving.browser import Pages
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_metrics,
    make_notice,
    make_point,
    make_session,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WIDTHS = (320, 375, 1400, 2560)
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"></script><script>x</script>'
REASON = "Active users fell from 190 to 121 in 40 seconds."


def session_page(cast: Cast) -> str:
    return f"/sessions/{cast.session.pk}/"


def tell(pages: Pages, notice: AnomalyChange) -> None:
    """Stores and broadcasts a notice, like the pipeline."""
    Anomaly.objects.filter(pk=notice.id).delete()
    make_anomaly(notice)
    pages.broadcast_changes(notice)


def escalated(notice: AnomalyChange) -> AnomalyChange:
    return replace(
        notice,
        change=Change.ESCALATED,
        severity="CRITICAL",
        changed_at=notice.began_at + TICK,
        reason="Active users fell from 190 to 60 in 80 seconds.",
    )


def ended(notice: AnomalyChange) -> AnomalyChange:
    end = last_tick_end()
    return replace(notice, change=Change.ENDED, changed_at=end, ended_at=end)


def test_a_banner_is_raised_escalated_and_removed(pages: Pages, cast: Cast) -> None:
    window = pages.log_in("alice", session_page(cast))
    banners = window.page.locator(".banner:visible")
    assert banners.count() == 0
    notice = make_notice(cast.session, ago=40)
    tell(pages, notice)
    window.wait_for_text(".banner [data-field=severity]", "Warning")
    assert window.text(".banner [data-field=type]") == "Mass exit"
    assert window.text(".banner [data-field=reason]") == REASON
    assert window.text(".banner-figures") == "Engagement 50 %, expected 61 %"
    assert window.text(".banner-when").startswith("Since ")
    assert window.text(".banner-when").endswith(" s ago")
    assert window.text("#announcement") == f"Warning: Mass exit. {REASON}"
    assert window.page.title().startswith("\N{WARNING SIGN} 50 % Keynote")

    pages.broadcast_changes(notice)
    tell(pages, escalated(notice))
    pages.broadcast_changes(escalated(notice))
    window.wait_for_text(".banner [data-field=severity]", "Critical")
    pages.broadcast(make_point(cast.session, 0.33))
    window.wait_for_text(".banner-figures", "Engagement 33 %, expected 61 %")
    assert banners.count() == 1
    assert window.page.locator("#alerts .alert").count() == 1
    assert window.text("#announcement-now").startswith("Critical: Mass exit. Active users fell")
    assert window.text("#alerts .alert-length") == "ongoing"

    tell(pages, ended(notice))
    window.wait_for_text(".banner [data-field=severity]", "Ended")
    assert window.text(".banner-when").startswith("Ended at ")
    assert window.text("#alerts .alert-length").startswith("lasted ")
    assert window.text("#announcement") == "Mass exit has ended."
    assert not window.page.title().startswith("\N{WARNING SIGN}")
    assert window.problems == []


def test_an_ended_banner_disappears_after_a_minute(pages: Pages, cast: Cast) -> None:
    over = make_notice(
        cast.session, Change.ENDED, ago=90, changed_at=last_tick_end() - timedelta(seconds=35)
    )
    make_anomaly(over)
    window = pages.log_in("alice", session_page(cast))
    assert window.text(".banner [data-field=severity]") == "Ended"
    window.page.wait_for_selector("#banners", state="hidden", timeout=30_000)
    assert window.page.locator("#alerts .alert").count() == 1


def test_the_first_paint_shows_open_alerts_and_the_socket_adds_nothing(
    pages: Pages, cast: Cast
) -> None:
    make_anomaly(make_notice(cast.session, Change.ENDED, ago=200, changed_at=last_tick_end()))
    notice = make_notice(cast.session, ago=40)
    make_anomaly(notice)
    without = pages.log_in("alice", java_script_enabled=False)
    without.open(session_page(cast))
    assert without.page.locator(".banner:visible").count() == 1
    assert without.text(".banner [data-field=reason]") == REASON
    assert without.text(".banner-when").endswith(" UTC")
    window = pages.log_in("alice", session_page(cast))
    pages.broadcast_changes(notice)
    window.page.wait_for_timeout(300)
    assert window.page.locator(".banner:visible").count() == 1
    assert window.page.locator("#alerts .alert").count() == 2
    assert window.text("#announcement") == window.text("#announcement-now") == ""
    assert window.problems == []


def test_missed_changes_arrive_with_the_next_snapshot(pages: Pages, cast: Cast) -> None:
    window = pages.log_in("alice", session_page(cast))
    make_anomaly(make_notice(cast.session))
    later = last_tick_end() + 9 * TICK
    pages.broadcast(make_point(cast.session, 0.4, later))  # a gap: the page requests a snapshot
    window.wait_for_text(".banner [data-field=type]", "Mass exit")


def test_alerts_end_with_their_session(pages: Pages, cast: Cast) -> None:
    make_anomaly(make_notice(cast.session, ago=60))
    window = pages.log_in("alice", session_page(cast))
    pages.broadcast_ended(EndedSession(cast.session.pk, cast.session.event_id, last_tick_end()))
    window.wait_for_text(".banner [data-field=severity]", "Ended")


def test_a_card_shows_the_alert_of_its_session(pages: Pages, cast: Cast) -> None:
    calm = make_session(cast.session.event, "Calm")
    window = pages.log_in("alice", "/")
    notice = make_notice(cast.session)
    card = f".card[data-session='{cast.session.pk}']"
    assert window.page.locator(".card-alert:visible").count() == 0
    pages.broadcast_changes(notice)
    window.wait_for_text(f"{card} [data-field=severity]", "Warning")
    assert window.text(f"{card} [data-field=type]") == "Mass exit"
    assert window.text("#summary") == "2 sessions live now, 1 with an alert"
    assert window.text("#announcement").startswith("Keynote: Warning: Mass exit.")
    pages.broadcast_changes(escalated(notice))
    window.wait_for_text(f"{card} [data-field=severity]", "Critical")
    pages.broadcast_changes(make_notice(calm))
    window.wait_for_text("#summary", "2 sessions live now, 2 with an alert")
    other = make_notice(cast.session, Change.ENDED, ago=300, id=uuid4())
    pages.broadcast_changes(other, ended(make_notice(calm)))
    pages.broadcast_changes(ended(notice))
    window.wait_for_text("#summary", "2 sessions live now, 1 with an alert")
    assert window.page.locator(f"{card} .card-alert:visible").count() == 0
    assert window.problems == []


def test_hostile_sentences_stay_text(pages: Pages, cast: Cast) -> None:
    notice = make_notice(cast.session, reason=HOSTILE, type=HOSTILE, severity=HOSTILE)
    window = pages.log_in("alice", session_page(cast))
    pages.broadcast_changes(notice)
    window.wait_for_text(".banner [data-field=reason]", HOSTILE)
    make_anomaly(make_notice(cast.session, reason=HOSTILE))
    window.open(session_page(cast))
    window.wait_until_connected()
    assert window.text(".banner [data-field=reason]") == HOSTILE
    assert window.page.evaluate("document.body.dataset.hacked") is None
    assert window.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_with_alerts_fit_every_screen(
    pages: Pages, cast: Cast, scheme: str, tmp_path: Path
) -> None:
    make_metrics(cast.session, [0.28], last_tick_end())
    worse = make_session(cast.session.event, "A workshop with a rather long title for a card")
    make_metrics(worse, [0.6] * 20 + [0.15], last_tick_end())
    calm = make_session(cast.session.event, "Calm")
    make_anomaly(make_notice(calm, Change.ENDED, ago=120, type="LOW_ENGAGEMENT"))
    earlier = last_tick_end() - timedelta(seconds=100)
    make_anomaly(make_notice(cast.session, Change.ENDED, ago=170, changed_at=earlier))
    make_anomaly(make_notice(cast.session, ago=45))
    make_anomaly(escalated(make_notice(worse, ago=45)))
    window = pages.log_in("alice", "/", color_scheme=scheme)
    paths = {
        "overview": "/",
        "warning": session_page(cast),
        "critical": f"/sessions/{worse.pk}/",
        "over": f"/sessions/{calm.pk}/",
    }
    for width in WIDTHS:
        window.page.set_viewport_size({"width": width, "height": 800})
        for name, path in paths.items():
            window.open(path)
            window.wait_until_connected()
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert window.page.evaluate(overflow) <= 0, (name, width)
            window.page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png", full_page=True)
    assert window.problems == []
