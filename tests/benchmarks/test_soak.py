"""The soak test's traffic and verdict."""

import pytest

from benchmarks.soak.rooms import COUNTED, MIX, Traffic
from benchmarks.soak.verdict import hourly_growth, memory_flat, ticks_on_time
from sessions_app.events.decoding import EventKind, decoder

MEBIBYTE = 2**20


def entries(seed: int, count: int = 4_000) -> list[tuple[str, bytes]]:
    return [*Traffic(200, seed).entries(count, 0.0)]


def test_traffic_is_the_same_for_the_same_seed() -> None:
    assert entries(1) == entries(1)
    assert entries(1) != entries(2)


def test_traffic_is_readable_and_of_every_kind() -> None:
    traffic = Traffic(20, seed=1)
    posted = [
        entry for step in range(100) for entry in traffic.entries(sum(MIX.values()) // 10, step)
    ]
    kinds = {decoder(channel)(payload).kind for channel, payload in posted}
    assert kinds >= set(EventKind) - {EventKind.SESSION_ENDED}
    assert (traffic.totals.sum(axis=0) > 0).all()
    assert traffic.totals.shape == (20, len(COUNTED))


def test_every_session_is_mentioned_first() -> None:
    traffic = Traffic(50, seed=1)
    assert len([*traffic.entries(50, 0.0)]) == 50
    assert (traffic.totals[:, COUNTED.index("join")] == 1).all()


def test_hourly_growth_is_the_trend_of_the_second_half_whatever_its_peaks() -> None:
    seconds = [5.0 * step for step in range(240)]
    values = [200.0 if step < 120 else 100 + step / 720 for step in range(240)]
    values[150] = 1_000.0
    assert hourly_growth(seconds, values) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("minutes", "growth", "kept"), [(20, 31, True), (20, 33, False), (5, 33, None)]
)
def test_memory_is_flat_if_it_grows_by_less_than_32_mebibytes_an_hour(
    minutes: int, growth: int, kept: bool | None
) -> None:
    seconds = [5.0 * step for step in range(minutes * 12 + 1)]
    values = [(100 + growth * at / 3600) * MEBIBYTE for at in seconds]
    assert memory_flat("web", seconds, values).kept is kept


def test_one_late_tick_fails_the_run() -> None:
    assert ticks_on_time({1: 0.3, 2: 4.9}).kept
    assert not ticks_on_time({1: 0.3, 2: 5.1}).kept
    assert not ticks_on_time({}).kept
