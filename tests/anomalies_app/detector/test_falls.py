"""How long a fall took, from the depths of the last ticks, the latest first."""

import numpy as np
import pytest

from anomalies_app.detector.falls import fall_ticks, smoothed
from anomalies_app.detector.state import HISTORY_TICKS


def depth(*values: float) -> np.ndarray:
    """Of one session, which was not down at all before."""
    before = [0.0] * (HISTORY_TICKS - len(values))
    return np.float32([*values, *before])[:, None]


@pytest.mark.parametrize("down", [1, 5, 12, 40])
def test_how_long_it_has_been_down_since_is_no_part_of_a_fall(down: int) -> None:
    assert fall_ticks(depth(*[40] * down)).tolist() == [1]
    assert fall_ticks(depth(*[40] * down, 20, 20, 20)).tolist() == [4]


def test_a_fall_reaches_from_three_tenths_of_its_depth_to_eight() -> None:
    assert fall_ticks(depth(100, 81, 79, 31, 29)).tolist() == [3]
    assert fall_ticks(depth(100, 79, 31, 29, 29)).tolist() == [3]
    # Both limits belong to the deeper side.
    assert fall_ticks(depth(1, 0.8, 0.5, 0.3, 0)).tolist() == [3]


def test_a_fall_that_began_before_all_that_is_remembered_took_all_of_it() -> None:
    always = np.full((HISTORY_TICKS, 1), 50, np.float32)
    always[1:] = 25
    assert fall_ticks(always).tolist() == [HISTORY_TICKS]


def test_each_session_has_its_own() -> None:
    both = np.hstack([depth(40, 40), depth(4, 2, 2, 2, 2), np.full((HISTORY_TICKS, 1), 50)])
    assert fall_ticks(both).tolist() == [1, 5, 1]


def test_neighbours_are_averaged_and_the_latest_with_one() -> None:
    smooth = smoothed(np.hstack([depth(3, 0, 6, 0, 0), depth(2, 4, 0, 8, 0)]))
    assert smooth[:4].T.tolist() == [[1.5, 3, 2, 2], [3, 2, 4, pytest.approx(8 / 3)]]
