"""Cards: the worst first, drawn once however many look, and anew when anything has changed."""

from typing import Any

import pytest

from dashboard.pages.cards import in_order, matches, render_card

NOW = 1_700_000_000_000
CARD: dict[str, Any] = {
    "session": 7,
    "title": "Keynote",
    "event": 1,
    "event_title": "Conference",
    "point": {
        "time": NOW - 2_000,
        "score": 0.6249,
        "percent": 62,
        "category": "HIGH",
        "signals": {"active_users": 190, "chat_msgs_per_min": 42},
    },
    "scores": [60, None, 62],
    "anomaly": None,
    "pause": None,
}
ANOMALY = {
    "severity": "WARNING",
    "type": "MASS_EXIT",
    "acknowledged": {"by": "alice", "text": "Acknowledged by alice", "at": NOW},
    "began": NOW - 40_000,
}


def test_a_second_look_at_the_same_tick_is_not_drawn_again() -> None:
    assert render_card(CARD, wanted=True) is render_card({**CARD}, wanted=True)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"title": "Panel"}, "Panel"),
        ({"pause": "BREAK"}, ">Break<"),
        ({"pause": "LUNCH"}, ">LUNCH<"),
        ({"point": {**CARD["point"], "percent": 31}}, ">31<"),
        ({"point": None}, "no data yet"),
        ({"point": None}, ">No score yet<"),
        ({"scores": [60, None, 61]}, 'scores="[60,null,61]"'),
        ({"anomaly": ANOMALY}, f'since="{NOW - 40_000}"'),
        ({"anomaly": ANOMALY}, "Acknowledged by alice at 22:13:20 UTC"),
        ({"anomaly": {**ANOMALY, "type": "NEW_KIND"}}, ">Unusual<"),
    ],
)
def test_what_has_changed_is_drawn(change: dict[str, Any], text: str) -> None:
    shown = render_card(
        {**CARD, "anomaly": {**ANOMALY, "acknowledged": None, "began": 1}}, wanted=True
    )
    assert text not in shown
    assert text in render_card({**CARD, **change}, wanted=True)


def test_a_card_that_is_not_wanted_is_there_but_hidden() -> None:
    def first_tag(*, wanted: bool) -> str:
        return render_card(CARD, wanted=wanted).strip().split(">")[0]

    assert first_tag(wanted=False).endswith("hidden")
    assert "hidden" not in first_tag(wanted=True)


def test_names_are_escaped() -> None:
    html = render_card({**CARD, "title": "<script>x</script>"}, wanted=True)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def card(title: str, severity: str | None = None, event: int = 1) -> dict[str, Any]:
    anomaly = severity and {"severity": severity}
    return {"title": title, "event": event, "event_title": "Connect", "anomaly": anomaly}


def test_the_worst_come_first_and_all_others_stay_where_they_are() -> None:
    cards = [
        card("a"),
        card("b", "WARNING"),
        card("c"),
        card("d", "CRITICAL"),
        card("e", "WARNING"),
    ]
    assert [each["title"] for each in in_order(cards)] == ["d", "b", "e", "a", "c"]


@pytest.mark.parametrize(
    ("event", "words", "wanted"),
    [
        (None, "", True),
        (1, "", True),
        (2, "", False),
        (None, "  KEY  ", True),
        (1, "connect keynote", True),
        (None, "keynote workshop", False),
    ],
)
def test_a_card_is_wanted_by_its_event_and_by_all_words(
    event: int | None, words: str, wanted: bool
) -> None:
    assert matches(card("Opening Keynote"), event, words) is wanted
