"""Sums and distributions, against exact arithmetic and NumPy."""

from fractions import Fraction

import numpy as np
import pytest

from components.transforms.statistics.numbers import DISTINCT, Distribution, Moments


def parts(values: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    return np.array_split(np.random.default_rng(seed).permutation(values), count)


def test_moments_are_exact_where_floats_cancel() -> None:
    values = np.array([1e30, 1.0, -1e30, 2.0**-149, 3.5], np.float32).astype(np.float64)
    moments = Moments()
    moments.add(values)
    exact = [Fraction(value) for value in values.tolist()]
    assert moments.mean == float(sum(exact) / 5)
    variance = sum(value * value for value in exact) / 5 - (sum(exact) / 5) ** 2
    assert moments.std_dev == float(variance) ** 0.5


def test_moments_of_any_order_are_equal() -> None:
    values = np.random.default_rng(1).lognormal(0, 20, 5000).astype(np.float32).astype(np.float64)  # seed 1
    results = []
    for count in (1, 7, 40):
        merged = Moments()
        for part in parts(values, count, count):
            moments = Moments()
            moments.add(part)
            merged.merge(moments)
        results.append((merged.mean, merged.std_dev, merged.total))
    assert results[0] == results[1] == results[2]


def test_nothing_has_no_moments() -> None:
    assert (Moments().mean, Moments().std_dev) == (0.0, 0.0)
    assert Distribution().equal_count() == []
    assert np.isnan(Distribution().quantiles([0.5])[0])


def test_few_values_have_exact_quantiles() -> None:
    values = np.random.default_rng(2).integers(-50, 50, 9000)  # seed 2
    distribution = Distribution()
    for part in parts(values, 5, 2):
        distribution.add(part)
    shares = [0.0, 0.001, 0.25, 0.5, 0.9, 0.999, 1.0]
    assert distribution.exact
    assert distribution.quantiles(shares) == np.quantile(values, shares, method="inverted_cdf").tolist()
    assert [bucket.count for bucket in distribution.equal_width()] == np.histogram(values, 10)[0].tolist()
    assert distribution.share_up_to(0) == (values <= 0).mean()


@pytest.mark.parametrize("sign", [1, -1])
def test_many_values_have_quantiles_to_half_a_percent(sign: int) -> None:
    values = sign * np.random.default_rng(3).lognormal(3, 4, 50_000)  # seed 3
    distribution = Distribution()
    for part in parts(values, 20, 3):
        distribution.add(part)
    assert not distribution.exact
    shares = [0.001, 0.01, 0.5, 0.9, 0.99, 0.999]
    expected = np.quantile(values, shares, method="inverted_cdf")
    assert distribution.quantiles(shares) == pytest.approx(expected.tolist(), rel=0.004)
    assert distribution.quantiles([0.0, 1.0]) == [values.min(), values.max()]
    assert len(distribution.keys) < 6000


def test_a_distribution_is_its_values_whatever_the_order() -> None:
    values = np.random.default_rng(4).normal(0, 100, DISTINCT + 500)  # seed 4
    states = []
    for count in (1, 2, 9):
        merged = Distribution()
        for part in parts(values, count, count):
            distribution = Distribution()
            distribution.add(part)
            merged.merge(distribution)
        states.append((merged.exact, merged.keys.tobytes(), merged.counts.tobytes(), merged.low, merged.high))
    assert states[0] == states[1] == states[2]


def test_the_bound_itself_is_still_exact() -> None:
    distribution = Distribution()
    distribution.add(np.arange(DISTINCT))
    assert distribution.exact
    distribution.add(np.array([0.5]))
    assert not distribution.exact
    assert distribution.count == DISTINCT + 1
