"""Bins between the deciles of numbers, from percentiles of two sets of examples."""

import numpy as np
import pytest

from components.transforms.statistics.numbers import Distribution
from components.validation.distances import jensen_shannon, population_stability
from components.validation.distributions import Percentiles, Samples, _names


def percentiles(values: list[float]) -> Percentiles:
    distribution = Distribution()
    distribution.add(np.array(values, np.float64))
    bounds = distribution.equal_count(100)
    return Percentiles([*(bucket.low for bucket in bounds), bounds[-1].high], len(values))


def binned(before: list[float], now: list[float]) -> Samples:
    old, new = percentiles(before), percentiles(now)
    edges = old.edges()
    return Samples(_names(edges), old.counts(edges), new.counts(edges))


def normal(mean: float, count: int = 4000, seed: int = 1) -> list[float]:
    return np.random.default_rng(seed).normal(mean, 1, count).tolist()


def test_numbers_are_binned_by_their_former_deciles() -> None:
    found = binned([float(value) for value in range(1000)], [float(value) for value in range(500, 1500)])
    assert found.before == pytest.approx([100] * 10, abs=2)
    assert found.now == pytest.approx([0] * 5 + [100] * 4 + [600], abs=11)
    assert found.names[0] == "up to 99"
    assert found.names[-1] == "above 899"


def test_a_frequent_value_is_a_bin_of_its_own() -> None:
    found = binned([0.0] * 300 + [1.0] * 700, [0.0] * 600 + [1.0] * 400)
    assert found.names == ("below 0", "0", "0 to 1", "1", "above 1")
    assert found.before == pytest.approx([0, 300, 0, 700, 0], abs=11)
    assert found.now == pytest.approx([0, 600, 0, 400, 0], abs=11)


def test_a_constant_that_becomes_another() -> None:
    found = binned([5.0] * 200, [7.0] * 200)
    assert found.names == ("below 5", "5", "above 5")
    assert (found.before, found.now) == ((0, 200, 0), (0, 0, 200))


def test_samples_of_one_source_are_close_and_a_moved_mean_is_told() -> None:
    same, moved = binned(normal(0), normal(0, seed=2)), binned(normal(0), normal(1, seed=3))
    assert population_stability(same).beyond_chance == 0.0
    # Jeffreys' divergence of two normal distributions of variance 1 is the squared distance of their means.
    assert population_stability(moved).value == pytest.approx(1.0, abs=0.15)
    assert jensen_shannon(moved).value == pytest.approx(0.15, abs=0.03)
