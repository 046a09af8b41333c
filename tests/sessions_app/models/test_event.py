"""Settings of an event that are refused."""

import pytest
from django.core.exceptions import ValidationError

from tests.factories import make_event

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value"),
    [("sensitivity", 0.2), ("sensitivity", 4.1), ("mass_exit_threshold", 1.5)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    event = make_event("Conference")
    setattr(event, field, value)
    with pytest.raises(ValidationError) as caught:
        event.full_clean()
    assert set(caught.value.message_dict) == {field}


WEIGHTS = ("chat_weight", "poll_weight", "active_users_weight", "reaction_weight")


@pytest.mark.parametrize("weight", [0.0, 1e-300])
def test_weights_that_leave_no_score_are_refused(weight: float) -> None:
    event = make_event("Conference")
    for name in WEIGHTS:
        setattr(event, name, weight)
    with pytest.raises(ValidationError) as caught:
        event.full_clean()
    assert set(caught.value.message_dict) == {"chat_weight"}
    event.reaction_weight = 0.01
    event.full_clean()


@pytest.mark.parametrize("name", ["sudden_drop_threshold", "mass_exit_threshold"])
def test_thresholds_that_nothing_can_miss_are_refused(name: str) -> None:
    event = make_event("Conference")
    setattr(event, name, 0.0)
    with pytest.raises(ValidationError) as caught:
        event.full_clean()
    assert set(caught.value.message_dict) == {name}
