"""A timeout that is started and stopped again and again."""

from twisted.internet.task import Clock

from engagement_conductor.web_server.timer import Timer


def test_it_runs_out_once(clock: Clock) -> None:
    calls: list[float] = []
    timer = Timer(clock, 30, lambda: calls.append(clock.seconds()))
    timer.start()
    assert timer.running
    clock.advance(29)
    timer.start()
    clock.advance(1)
    assert (calls, timer.running) == ([30], False)
    clock.advance(60)
    assert calls == [30]


def test_it_can_be_stopped_and_started_anew(clock: Clock) -> None:
    calls: list[float] = []
    timer = Timer(clock, 30, lambda: calls.append(clock.seconds()))
    timer.stop()
    timer.start()
    clock.advance(29)
    timer.stop()
    assert not timer.running
    timer.start()
    clock.advance(29)
    assert calls == []
    clock.advance(1)
    assert calls == [59]
