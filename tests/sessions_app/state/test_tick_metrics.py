"""The metrics of a tick, as rows and as points."""

import numpy as np

from sessions_app.scoring.score import Signals
from sessions_app.state.tick_metrics import TickMetrics, metric_rows
from sessions_app.state.tick_update import TickCounts
from sessions_app.ticks import tick_end

TICK = 300


def metrics(*scores: float) -> TickMetrics:
    """Sessions s0, s1, ... with keys 10, 11, ..., whose numbers are all different."""
    numbers = np.arange(len(scores))
    signals = Signals(*(numbers + 100 * place for place in range(1, 7)))
    counts = TickCounts(*(numbers + 1_000 * place for place in range(1, 6)))
    rows = metric_rows(numbers + 10, numbers + 20, np.array(scores), signals, counts)
    return TickMetrics([f"s{number}" for number in numbers], rows)


def test_a_row_holds_each_column() -> None:
    assert metrics(0.5, 0.9).rows.tolist() == [
        (10, 20, 0.5, 100.0, 200.0, 300, 400, 500.0, 600.0, 1000, 2000, 3000, 4000, 5000),
        (11, 21, 0.9, 101.0, 201.0, 301, 401, 501.0, 601.0, 1001, 2001, 3001, 4001, 5001),
    ]


def test_some_rows_are_taken_in_their_order() -> None:
    some = metrics(0.1, 0.2, 0.3).only([2, 0])
    assert some.external_ids == ["s2", "s0"]
    assert some.rows["score"].tolist() == [0.3, 0.1]
    assert len(metrics(0.1).only([]).rows) == 0


def test_points_are_what_the_platform_is_told() -> None:
    all_of_them = metrics(0.1, 0.8)
    events = {20: "e0", 21: "e1"}
    first, second = all_of_them.points(TICK, events)
    assert (first.session_id, first.event_id, first.external_id) == (10, 20, "s0")
    assert (first.event_external_id, first.time, first.score) == ("e0", tick_end(TICK), 0.1)
    assert (first.category, second.category) == ("VERY_LOW", "VERY_HIGH")
    signals = second.signals
    assert (signals.chat_msgs_per_min, signals.poll_participation) == (101, 201)
    assert (signals.active_users, signals.total_users) == (301, 401)
    assert (signals.reactions_per_min, signals.user_leave_rate) == (501, 601)
    assert list(all_of_them.points(TICK, events, rows=[1])) == [second]
    assert list(all_of_them.points(TICK, events, rows=[])) == []
