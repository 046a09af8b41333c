"""Updates on their way to the sockets."""

import json

from dashboard.live.messages import Update, encode_items, messages


def points(group: str, *sessions: int, now: int = 1) -> Update:
    items = encode_items([{"session": session} for session in sessions])
    return Update("points", group, "points", items, now)


def ended(session: int) -> Update:
    return Update("ended", "event.1", "sessions", encode_items([{"session": session}]), 5)


def test_updates_of_a_type_become_one_message_with_the_latest_clock() -> None:
    (text,) = messages([points("event.1", 1, 2, now=3), points("event.2", 7, now=4)])
    assert json.loads(text) == {
        "type": "points",
        "points": [{"session": 1}, {"session": 2}, {"session": 7}],
        "now": 4,
    }


def test_the_order_of_types_is_kept() -> None:
    told = [points("event.1", 1), ended(1), ended(2), points("event.1", 1)]
    read = [json.loads(text) for text in messages(told)]
    assert [message["type"] for message in read] == ["points", "ended", "points"]
    assert read[1]["sessions"] == [{"session": 1}, {"session": 2}]
    assert messages([]) == []


def test_items_are_text_for_every_language() -> None:
    (text,) = messages([Update("polls", "session.1", "polls", encode_items([{"poll": 'é"'}]), 1)])
    assert json.loads(text)["polls"] == [{"poll": 'é"'}]
