"""The Poisson bootstrap and the sums that it needs."""

import numpy as np
import pytest

from components.metrics.bootstrap import centred_interval, dot, group_sum, poisson_weights
from components.metrics.exact import ExactSums


def _hashes(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


def test_weights_are_poisson_and_belong_to_the_example() -> None:
    hashes = _hashes(20_000)
    weights = poisson_weights(hashes, 50)
    assert weights.shape == (51, 20_000)
    assert (weights[0] == 1).all()
    shares = np.bincount(weights[1:].ravel(), minlength=13) / weights[1:].size
    assert shares[:5] == pytest.approx([0.36788, 0.36788, 0.18394, 0.06131, 0.01533], abs=1e-3)
    order = np.random.default_rng(2).permutation(20_000)
    assert np.array_equal(poisson_weights(hashes[order], 50), weights[:, order])
    correlations = np.corrcoef(weights[1:].astype(float))
    assert np.abs(correlations - np.eye(50)).max() < 0.05


def test_neighbouring_hashes_are_independent() -> None:
    weights = poisson_weights(np.arange(5000, dtype=np.uint64), 20)[1:].astype(float)
    assert abs(np.corrcoef(weights[:, :-1].ravel(), weights[:, 1:].ravel())[0, 1]) < 0.02


def test_the_interval_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(3).normal(size=4000)
    weights = poisson_weights(_hashes(4000), 400).astype(float)
    interval = centred_interval(weights @ values / weights.sum(axis=1), 0.95)
    assert interval is not None
    assert interval[1] - interval[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(4000), rel=0.12)
    assert centred_interval(np.array([1.0]), 0.95) is None


def test_group_sum_is_that_of_a_loop() -> None:
    random = np.random.default_rng(4)
    weights, groups = random.integers(0, 5, (3, 100)).astype(np.uint8), random.integers(0, 7, 100)
    sums = group_sum(weights, groups, 9)
    for group in range(9):
        assert sums[:, group].tolist() == weights[:, groups == group].sum(axis=1).tolist()
    assert group_sum(weights[:, :0], groups[:0], 2).tolist() == [[0, 0]] * 3


def test_dot_is_exact_at_its_limits() -> None:
    weights = np.full((1, 2**13), 12, np.uint8)
    assert dot(weights, np.full(2**13, 2**32 - 1)).tolist() == [12 * 2**13 * (2**32 - 1)]


def test_exact_sums_do_not_depend_on_order_and_do_not_cancel() -> None:
    random = np.random.default_rng(5)
    values = np.concatenate([random.normal(size=500) * 10.0 ** random.integers(-20, 30, 500), [1e30, 1.0, -1e30]])
    weights = np.ones((1, len(values)), np.uint8)
    whole, parts = ExactSums(1, 1), ExactSums(1, 1)
    whole.add(weights, values[:, None])
    for part in np.array_split(random.permutation(values), 5):
        one = ExactSums(1, 1)
        one.add(weights[:, : len(part)], part[:, None])
        parts.merge(one)
    assert whole.row(0) == parts.row(0)
    from fractions import Fraction

    assert whole.row(0)[0] == sum(map(Fraction, values.tolist()))
