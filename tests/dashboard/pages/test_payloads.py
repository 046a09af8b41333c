"""One shape for first paint and live update."""

from typing import Any

import pytest

from anomalies_app.records import Change
from dashboard.pages.payloads import (
    SHOWN_ANOMALIES,
    anomaly_payload,
    contribution_payloads,
    point_payload,
    session_snapshot,
    session_snapshots,
    stored_anomaly_payload,
    update_payloads,
)
from sessions_app.models import EngagementMetric
from sessions_app.scoring.score import ScoreSettings, Signals, score
from tests.factories import (
    SIGNALS_ON_WIRE,
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_metrics,
    make_notice,
    make_point,
    make_session,
)

pytestmark = pytest.mark.integration


def test_a_stored_row_and_the_scorers_point_are_the_same_to_a_page(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.62], end)
    stored = EngagementMetric.objects.get()
    assert point_payload(stored) == point_payload(make_point(cast.session, 0.62, end))


def test_a_point_holds_all_that_a_page_shows(cast: Cast) -> None:
    end = last_tick_end()
    [update] = update_payloads([make_point(cast.session, 0.85, end)], {cast.session.pk: "BREAK"})
    assert update == {
        "session": cast.session.pk,
        "event": cast.session.event.pk,
        "time": end.timestamp() * 1000,
        "score": 0.85,
        "percent": 85,
        "category": "VERY_HIGH",
        "signals": SIGNALS_ON_WIRE,
        "pause": "BREAK",
    }


def test_pages_of_the_release_before_find_what_they_read(cast: Cast) -> None:
    """Their scripts know neither ``percent`` nor ``movement``, and multiply ratios by 100."""
    [point] = update_payloads([make_point(cast.session, 0.625)], {})
    anomaly = anomaly_payload(make_notice(cast.session))
    assert {"session", "time", "score", "category", "signals", "pause"} <= point.keys()
    assert {"moved", "current", "expected", "reason", "acknowledged", "ended"} <= anomaly.keys()
    shares = [point["score"], anomaly["current"], anomaly["expected"]]
    shares += [point["signals"][name] for name in ("poll_participation", "user_leave_rate")]
    assert all(0 < share < 1 for share in shares)


def test_the_snapshot_of_a_finished_session_says_when_it_ended(cast: Cast) -> None:
    assert session_snapshot(cast.session)["ended"] is None
    cast.session.ended_at = end = last_tick_end()
    assert session_snapshot(cast.session)["ended"] == end.timestamp() * 1000


def test_the_newest_point_says_what_its_score_is_made_of(cast: Cast) -> None:
    make_metrics(cast.session, [0.4, 0.5])
    cast.session.event.chat_weight = 0.5
    older, newest = session_snapshot(cast.session)["points"]
    assert "contributions" not in older
    assert newest["contributions"][0]["weight"] == 0.5


def test_the_lines_of_a_chart_are_those_of_its_event(cast: Cast) -> None:
    event = cast.session.event
    event.low_engagement_threshold = 0.15
    assert session_snapshot(cast.session)["lines"] == {"attention": 0.3, "alert": 0.15}
    event.mute_low_engagement = True
    assert session_snapshot(cast.session)["lines"] == {"attention": 0.3, "alert": None}


@pytest.mark.parametrize("change", Change)
def test_a_stored_anomaly_and_its_notice_are_the_same_to_a_page(cast: Cast, change: Change) -> None:
    notice = make_notice(cast.session, change, ago=40)
    payload = anomaly_payload(notice)
    assert stored_anomaly_payload(make_anomaly(notice)) == payload
    began, changed = notice.began_at.timestamp() * 1000, notice.changed_at.timestamp() * 1000
    assert payload == {
        "id": str(notice.id),
        "session": cast.session.pk,
        "event": cast.session.event_id,
        "type": "MASS_EXIT",
        "severity": "WARNING",
        "anomaly_score": 0.71,
        "current": 0.35,
        "expected": 0.61,
        "deviation": 0.26,
        "reason": "Active users fell from 190 to 121 in 40 seconds.",
        "moved": {"signal": "active_users", "before": 190, "now": 121, "seconds": 40},
        "movement": "Active users 190 \N{RIGHTWARDS ARROW} 121 in 40 s",
        "acknowledged": None,
        "began": began,
        "ended": changed if change is Change.ENDED else None,
    }


def test_a_session_comes_with_its_last_anomalies(cast: Cast) -> None:
    last = last_tick_end()
    notices = [
        make_notice(cast.session, began_at=last - number * TICK)
        for number in range(SHOWN_ANOMALIES + 1)
    ]
    for notice in notices:
        make_anomaly(notice)
    make_anomaly(make_notice(cast.bobs_session))
    shown = session_snapshot(cast.session)["anomalies"]
    assert [anomaly["id"] for anomaly in shown] == [str(notice.id) for notice in notices[:-1]]


def test_an_anomaly_that_was_left_open_ends_with_its_session(cast: Cast) -> None:
    now = last_tick_end()
    make_anomaly(make_notice(cast.session, ago=300))
    make_anomaly(make_notice(cast.session, Change.ENDED, ago=900, changed_at=now - TICK))
    cast.session.ended_at = now
    ended = [anomaly["ended"] for anomaly in session_snapshot(cast.session)["anomalies"]]
    assert ended == [now.timestamp() * 1000, (now - TICK).timestamp() * 1000]


def test_snapshots_of_many_sessions_are_those_of_each_in_as_many_queries(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    sessions = [cast.session, cast.bobs_session, make_session(cast.session.event, "Silent")]
    for number, session in enumerate(sessions[:2]):
        make_metrics(session, [0.4, 0.5 + number / 10])
        make_anomaly(make_notice(session))
    with django_assert_num_queries(4):  # points, polls, anomalies, pauses
        together = session_snapshots(sessions)
    alone = [session_snapshot(session) for session in sessions]
    assert [_timeless(one) for one in together] == [_timeless(one) for one in alone]
    assert [len(one["points"]) for one in together] == [2, 2, 0]


def _timeless(snapshot: dict[str, Any]) -> dict[str, Any]:
    return {**snapshot, "now": None}


SIGNALS = Signals(14.0, 0.4, 120, 150, 3.0, 0.2)


def test_each_bar_begins_where_the_one_before_ends() -> None:
    parts = contribution_payloads(SIGNALS, ScoreSettings())
    end = 0.0
    for part in parts[:4]:
        assert part["start"] == pytest.approx(end, abs=1e-4)
        assert part["value"] <= part["weight"]
        end += part["value"]
    leaving = parts[4]
    assert (leaving["value"], leaving["weight"]) == (-0.02, -0.1)
    assert leaving["start"] == pytest.approx(end - 0.02, abs=1e-4)


def test_the_parts_add_up_to_the_score() -> None:
    settings = ScoreSettings(chat_weight=0.5, chat_saturation=50)
    total = sum(part["value"] for part in contribution_payloads(SIGNALS, settings))
    assert total == pytest.approx(float(score(SIGNALS, settings)), abs=1e-4)


def test_each_part_tells_what_was_measured() -> None:
    parts = contribution_payloads(SIGNALS, ScoreSettings())
    assert {part["signal"]: part["raw"] for part in parts} == {
        "chat_msgs_per_min": 14.0,
        "poll_participation": 0.4,
        "active_users": 0.8,
        "reactions_per_min": 3.0,
        "user_leave_rate": 0.2,
    }
