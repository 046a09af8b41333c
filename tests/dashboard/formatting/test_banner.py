"""What is said of an anomaly."""

from anomalies_app.detector.explanations import fall_duration
from anomalies_app.records import SignalMove
from dashboard.formatting.banner import acknowledged_by, movement

ARROW = "\N{RIGHTWARDS ARROW}"


def test_a_movement_is_told_in_the_signals_words() -> None:
    assert movement(SignalMove("active_users", 1_307.5, 121, 40)) == (
        f"Active users 1,308 {ARROW} 121 in 40 s"
    )
    assert movement(SignalMove("noise", 2, 1, 180)) == f"noise 2 {ARROW} 1 in 3 min"


def test_a_fall_is_as_long_as_its_sentence_says() -> None:
    for seconds in range(5, 345, 5):
        words = fall_duration(seconds).replace("minutes", "min").replace("seconds", "s")
        assert movement(SignalMove("active_users", 190, 121, seconds)).endswith(f" 121 {words}")


def test_an_account_that_was_deleted_has_no_name() -> None:
    assert acknowledged_by("alice") == "Acknowledged by alice"
    assert acknowledged_by(None) == acknowledged_by("") == "Acknowledged"
