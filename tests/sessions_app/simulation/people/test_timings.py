"""What people do alike in every simulated session."""

import pytest

from sessions_app.simulation.people.timings import announces, voting_share


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.9, 1.0])
def test_of_any_first_users_the_share_announces_itself(share: float) -> None:
    for count in (1, 7, 10, 1_000):
        announced = sum(announces(number, share) for number in range(count))
        assert announced == pytest.approx(count * share, abs=1)


def test_people_who_are_half_as_active_still_vote() -> None:
    assert voting_share(0.8, 1.0) == voting_share(0.8, 0.5) == voting_share(0.8, 3.0) == 0.8
    assert voting_share(0.8, 0.25) == pytest.approx(0.4)
    assert voting_share(0.8, 0.0) == 0
