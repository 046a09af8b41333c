"""A card is drawn once, however many look at it, and anew when anything on it has changed."""

from typing import Any

import pytest

from dashboard.pages.cards import draw_card

NOW = 1_700_000_000_000
CARD: dict[str, Any] = {
    "session": 7,
    "title": "Keynote",
    "event": 1,
    "event_title": "Conference",
    "point": {
        "time": NOW - 2_000,
        "score": 0.62,
        "category": "HIGH",
        "signals": {"active_users": 190, "chat_msgs_per_min": 42.0},
    },
    "scores": [60, None, 62],
    "anomaly": None,
    "pause": None,
}
ANOMALY = {
    "severity": "WARNING",
    "type": "MASS_EXIT",
    "acknowledged": None,
    "began": NOW - 40_000,
}


def test_a_second_look_at_the_same_tick_is_not_drawn_again() -> None:
    assert draw_card(CARD, NOW, wanted=True) is draw_card({**CARD}, NOW + 900, wanted=True)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"title": "Panel"}, "Panel"),
        ({"pause": "BREAK"}, ">Break<"),
        ({"point": {**CARD["point"], "score": 0.31}}, ">31<"),
        ({"point": None}, "no data yet"),
        ({"anomaly": ANOMALY}, "40 s ago"),
    ],
)
def test_what_has_changed_is_drawn(change: dict[str, Any], text: str) -> None:
    assert text not in draw_card(CARD, NOW, wanted=True)
    assert text in draw_card({**CARD, **change}, NOW, wanted=True)


def test_the_age_of_an_anomaly_goes_on() -> None:
    troubled = {**CARD, "anomaly": ANOMALY}
    assert "40 s ago" in draw_card(troubled, NOW, wanted=True)
    assert "3 min ago" in draw_card(troubled, NOW + 140_000, wanted=True)


def test_a_card_that_is_not_wanted_is_there_but_hidden() -> None:
    first_line = "".join(draw_card(CARD, NOW, wanted=False).strip().splitlines()[:1])
    assert first_line.endswith("hidden>")
    assert "hidden>" not in draw_card(CARD, NOW, wanted=True).strip().splitlines()[0]


def test_names_are_escaped() -> None:
    html = draw_card({**CARD, "title": "<script>x</script>"}, NOW, wanted=True)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
