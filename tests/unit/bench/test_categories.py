"""A reduced run of `make bench-categories`."""

import numpy as np
import pytest

from bench.alarms.categories import SHAPES, Shape, compare


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_two_samples_of_one_distribution_raise_no_alarm(shape: Shape) -> None:
    """No pair of samples fires, small p-values are as rare as they should be, and chance explains the score."""
    found = list(compare(shape, baselines=3, seed=1))
    assert not any(one.drifted or one.new for one in found)
    assert sum(one.p_value < 0.01 for one in found) <= 5
    score, by_chance = np.mean([(one.score, one.by_chance) for one in found], axis=0)
    assert score == pytest.approx(by_chance, rel=0.4, abs=0.005)
