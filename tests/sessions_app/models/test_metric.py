"""A stored tick gives back what was measured."""

from datetime import UTC, datetime

from sessions_app.models import EngagementMetric
from sessions_app.scoring.score import Signals

SIGNALS = Signals(14.0, 0.4, 120, 150, 3.0, 0.01)


def test_a_stored_tick_gives_back_its_signals_and_its_category() -> None:
    time = datetime(2026, 5, 4, 9, 30, 5, tzinfo=UTC)
    metric = EngagementMetric(session_id=7, time=time, score=0.65, **SIGNALS._asdict())
    assert metric.signals == SIGNALS
    assert metric.category == "HIGH"
    assert str(metric) == "7 at 09:30:05: 0.65"
