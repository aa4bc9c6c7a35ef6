"""The energy distance of two samples of vectors."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from components.validation.energy import energy_distance


def draw(seed: int, count: int = 200, shift: float = 0.0, dim: int = 8) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).normal(size=(count, dim)) + shift).astype(np.float32)


def test_it_is_the_coefficient_of_inhomogeneity() -> None:
    before, now = draw(1, 60), draw(2, 40, 0.5)
    across, old, new = cdist(before, now).mean(), cdist(before, before).mean(), cdist(now, now).mean()
    assert energy_distance(before, now).value == pytest.approx((2 * across - old - new) / (2 * across), rel=1e-4)


def test_one_source_is_explained_by_chance_and_scale_does_not_matter() -> None:
    same, scaled = energy_distance(draw(1), draw(2)), energy_distance(draw(1) * 1000, draw(2) * 1000)
    assert same.beyond_chance == 0.0
    assert scaled.value == pytest.approx(same.value, rel=1e-3)


def test_a_shift_is_not() -> None:
    moved = energy_distance(draw(1), draw(2, shift=1.0))
    assert moved.beyond_chance == moved.value > 10 * moved.chance


def test_samples_of_one_source_are_rarely_taken_for_different() -> None:
    """At 1 in 1,000, two or more of 60 come in fewer than 2 of 1,000 trials; the seeds are fixed."""
    assert sum(energy_distance(draw(2 * s, 60), draw(2 * s + 1, 40)).beyond_chance > 0 for s in range(60)) <= 1


def test_equal_constants() -> None:
    assert energy_distance(np.zeros((30, 4), np.float32), np.zeros((30, 4), np.float32)).value == 0.0
