"""Combining 64-bit identities, for whole arrays at once."""

import numpy as np
from numpy.typing import NDArray

Identities = NDArray[np.uint64]

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)


def combine(values: Identities, salts: Identities) -> Identities:
    """One identity for each pair, equal for equal pairs and never 0.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over ``values`` moved by
    ``salts``. Among n pairs two differing ones meet with a probability of about n**2 / 2**65.
    """
    mixed = values ^ ((salts + np.uint64(1)) * _GOLDEN_RATIO)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    combined: Identities = np.maximum(mixed ^ (mixed >> np.uint64(31)), np.uint64(1))
    return combined
