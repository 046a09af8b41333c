"""What a score is made of, as bars."""

import pytest

from dashboard.pages.explaining import contribution_payloads
from sessions_app.scoring.score import ScoreSettings, Signals, score

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
