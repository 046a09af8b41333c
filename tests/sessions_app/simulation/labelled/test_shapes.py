"""How anomalies may look."""

from sessions_app.simulation.labelled.labels import ANOMALY_TYPES
from sessions_app.simulation.labelled.shapes import MODES, SHAPES, Plan


def test_every_type_has_a_shape_of_ranges_that_can_be() -> None:
    assert set(SHAPES) == set(ANOMALY_TYPES)
    for shape in SHAPES.values():
        assert set(shape.modes) <= set(MODES)
        assert 0 <= shape.lasting <= 1
        for low, high in (shape.onset_s, shape.hold_s, shape.recovery_s):
            assert 0 <= low < high
    assert {name for shape in SHAPES.values() for name in shape.modes} == set(MODES)


def test_a_mode_leaves_less_of_something_than_there_was() -> None:
    for mode in MODES.values():
        for low, high in mode:
            assert 0 < low < high
        assert min(mode.activity[1], mode.presence[1]) < 1


def test_a_plan_in_ticks() -> None:
    plan = Plan("MASS_EXIT", "exit", 100, onset_s=1, hold=7, recovery=5, activity=1, presence=0.5)
    assert (plan.onset, plan.end) == (1, 113)
    slow = plan._replace(onset_s=62, recovery=0)
    assert (slow.onset, slow.end) == (12, 119)
