"""The simulated conference: the same for each seed, in order, of the platform's shapes."""

from itertools import islice, pairwise

from sessions_app.simulation.live.cast import (
    PANEL,
    TROUBLED,
)
from sessions_app.simulation.live.conference import SessionPlan
from tests.sessions_app.simulation.live.observed import SECONDS, simulate


def test_events_are_the_same_for_the_same_seed(conference):
    assert list(simulate()) == conference
    assert list(simulate(seed=2)) != conference


def test_events_come_in_the_order_of_time_and_end_in_time(conference):
    assert all(first.offset_s <= second.offset_s for first, second in pairwise(conference))
    assert 0 <= conference[0].offset_s < 2
    assert SECONDS - 5 < conference[-1].offset_s < SECONDS


def test_events_stop_within_a_second():
    assert max(event.offset_s for event in simulate(seconds=12.5)) < 12.5


def test_events_are_endless_without_a_duration():
    longer = list(islice(simulate(seconds=None), 20_000))
    assert longer[-1].offset_s > SECONDS


def test_sessions_are_announced_before_their_first_event():
    opened: dict[str, SessionPlan] = {}

    def note(session: SessionPlan) -> None:
        opened[session.session_id] = session

    for event in simulate(opened=note, first_runs={PANEL.key: 7}):
        body = event.payload
        inner = body.get("payload") or body.get("poll") or body
        assert body.get("sessionId", inner.get("sessionId")) in opened
    assert set(opened) == {
        "event-keynote-1",
        "event-panel-7",
        "event-workshop-1",
        "event-product-launch-1",
        "event-product-launch-2",
        "event-meetup-1",
    }
    assert opened["event-product-launch-1"].title == TROUBLED.title
    assert opened["event-product-launch-2"].title == f"{TROUBLED.title} (2)"
