"""Every counter that the pipeline keeps is a metric, once."""

from dashboard.monitoring.pipeline_counters import COUNTERS
from sessions_app.telemetry import counters

# Told as a histogram and a summary, and as labels.
OTHERWISE = {
    *("STAGE_SECONDS", "STAGE_RUNS", "TICK_SECONDS", "TICK_CLASSES"),
    *("AFTER_END", "UNKNOWN_END", "POLL_CLOSED", "SESSION_GONE"),
}


def test_every_counter_is_a_metric() -> None:
    kept = {
        value
        for name, value in vars(counters).items()
        if name.isupper() and isinstance(value, str) and name not in OTHERWISE
    }
    assert {counter.key.partition(":")[0] for counter in COUNTERS} == kept


def test_none_is_there_twice() -> None:
    for names in ([each.name for each in COUNTERS], [each.key for each in COUNTERS]):
        assert len(set(names)) == len(names)


def test_each_is_described_in_a_sentence() -> None:
    for counter in COUNTERS:
        assert counter.description[0].isupper()
        assert counter.description.endswith(".")
