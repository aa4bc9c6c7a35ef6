"""Distances of two samples: golden values, and what chance makes of samples of one source."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from components.validation.distances import (
    Measure,
    Samples,
    jensen_shannon,
    l_infinity,
    population_stability,
)

MEASURES: tuple[Measure, ...] = (l_infinity, jensen_shannon, population_stability)


def samples(before: Sequence[float], now: Sequence[float]) -> Samples:
    return Samples(tuple(f"`{place}`" for place in range(len(before))), tuple(before), tuple(now))


def test_l_infinity_is_the_largest_difference_of_a_share() -> None:
    found = l_infinity(samples([500, 300, 200], [400, 250, 350]))
    assert found.value == pytest.approx(0.15)
    assert found.beyond_chance == found.value


def test_jensen_shannon_is_the_square_of_scipys_distance() -> None:
    before, now = np.array([500, 300, 200, 0]), np.array([400, 250, 300, 50])
    expected = jensenshannon(before + 0.5, now + 0.5, base=2) ** 2
    assert jensen_shannon(samples(before.tolist(), now.tolist())).value == pytest.approx(expected, rel=1e-9)


def test_population_stability_is_the_sum_of_both_relative_entropies() -> None:
    before, now = np.array([500, 300, 200]), np.array([400, 250, 350])
    p, q = (before + 0.5) / (1000 + 1.5), (now + 0.5) / (1000 + 1.5)
    expected = float(np.sum(rel_entr(p, q) + rel_entr(q, p)))
    found = population_stability(samples(before.tolist(), now.tolist()))
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert found.value == pytest.approx(0.1155, abs=1e-3)  # (0.4-0.5)ln(0.8) + (0.25-0.3)ln(0.8333) + 0.15 ln(1.75)


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_samples_have_no_distance(measure: Measure) -> None:
    found = measure(samples([40, 60, 900], [40, 60, 900]))
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert found.beyond_chance == 0.0


def test_disjoint_samples_are_as_far_as_can_be() -> None:
    apart = samples([1000, 0], [0, 1000])
    assert l_infinity(apart).value == 1.0
    assert jensen_shannon(apart).value == pytest.approx(1.0, abs=0.01)
    assert 5 < population_stability(apart).value < 20


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("count", "bins"), [(60, 3), (500, 10), (5000, 40)])
def test_samples_of_one_source_are_rarely_taken_for_different(measure: Measure, count: int, bins: int) -> None:
    """At 1 in 1,000, more than 4 of 300 would be taken so in 3 of 100,000 trials; the seed is fixed."""
    generator = random.Random(count)
    weights = [generator.uniform(1, 5) for _ in range(bins)]
    wrong = 0
    for _ in range(300):
        draws = [generator.choices(range(bins), weights, k=count) for _ in range(2)]
        counted = [np.bincount(draw, minlength=bins).tolist() for draw in draws]
        wrong += measure(samples(*counted)).beyond_chance > 0
    assert wrong <= 4


@pytest.mark.parametrize("measure", MEASURES)
def test_few_examples_tell_little(measure: Measure) -> None:
    assert measure(samples([3, 2], [1, 4])).beyond_chance == 0.0
    assert measure(samples([3000, 2000], [1000, 4000])).beyond_chance > 0.05


def test_rare_bins_become_one() -> None:
    pooled = samples([500, 4, 1], [400, 5, 3]).pooled()
    assert (pooled.names, pooled.before, pooled.now) == (("`0`", "other values"), (500, 5), (400, 8))


def test_new_identifiers_are_no_drift() -> None:
    pooled = Samples(tuple(map(str, range(2000))), (1,) * 1000 + (0,) * 1000, (0,) * 1000 + (1,) * 1000).pooled()
    assert [measure(pooled).value for measure in MEASURES] == [0.0, 0.0, 0.0]


def test_what_moved_most_comes_first() -> None:
    assert (
        samples([500, 300, 200], [400, 250, 350]).moved_most() == "`2` 20 % -> 35 %, `0` 50 % -> 40 %, `1` 30 % -> 25 %"
    )
