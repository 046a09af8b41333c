from sessions_app.telemetry import once_a_minute
from sessions_app.telemetry.once_a_minute import MinuteSummary, OnceAMinute, with_count


def test_one_of_a_kind_passes_each_minute_and_tells_how_many_did_not() -> None:
    now = 0.0
    once = OnceAMinute(60, lambda: now)
    assert once.left_out("a") == 0
    assert [once.left_out("a") for _ in range(41)] == [None] * 41
    assert once.left_out("b") == 0
    now = 59.9
    assert once.left_out("a") is None
    now = 60.0
    assert once.left_out("a") == 42
    assert once.left_out("a") is None
    now = 120.0
    assert once.left_out("a") == 1


def test_kinds_without_end_take_no_memory_without_end(monkeypatch) -> None:
    monkeypatch.setattr(once_a_minute, "MAXIMUM_KINDS", 10)
    once = OnceAMinute()
    assert [once.left_out(number) for number in range(1_000)] == [0] * 1_000
    assert len(once._passed) == 10
    assert once.left_out(999) is None


def test_the_count_is_said_where_there_is_one() -> None:
    assert with_count("It is away", 0) == "It is away"
    assert with_count("It is away", 7) == "It is away (7 more like it since the last line)"


def test_a_summary_tells_once_a_minute_of_how_many_and_which_were_most_frequent() -> None:
    now = 0.0
    summary = MinuteSummary(lambda: now)
    assert summary.due() is None
    summary.add(["a"])
    assert summary.due() == (1, "a", 1)
    summary.add(["a", "b", "b"])
    now = 59.9
    assert summary.due() is None
    now = 60.0
    assert summary.due() == (3, "b", 2)
    assert summary.due() is None


def test_a_summary_of_endless_kinds_keeps_the_most_frequent(monkeypatch) -> None:
    monkeypatch.setattr(once_a_minute, "MAXIMUM_KINDS", 10)
    summary = MinuteSummary()
    summary.add(["often", "often", *range(1_000)])
    assert len(summary._kinds) == 1
    assert summary.due() == (2, "often", 2)
