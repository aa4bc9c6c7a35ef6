"""Closed-form intervals against published and brute-force values."""

import math

import pytest

from components.metrics.intervals import mcnemar, paired_proportions, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_gives_published_values(successes: int, trials: int, expected: tuple[float, float]) -> None:
    assert wilson(successes, trials, 0.95) == pytest.approx(expected, abs=1e-4)


def test_wilson_at_the_ends() -> None:
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
    assert wilson(20, 20, 0.95)[1] == 1.0
    assert wilson(0, 20, 0.95)[0] == 0.0
    assert wilson(5, 20, 0.99)[0] < wilson(5, 20, 0.9)[0]


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (10, 2), (1, 12), (0, 5)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    trials = first + second
    tail = sum(math.comb(trials, k) for k in range(min(first, second) + 1)) / 2**trials
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_of_many_examples_is_finite() -> None:
    assert 0 <= mcnemar(40_000, 50_000) < 1e-200
    assert mcnemar(50_000, 50_001) == pytest.approx(1.0, abs=1e-2)


def test_paired_proportions_follow_agresti_and_min() -> None:
    # (b, c, n) = (16, 5, 100): with half an example added to each of four cells, n = 102.
    difference, error = 11 / 102, math.sqrt(16.5 + 5.5 - 121 / 102) / 102
    expected = (difference - 1.959964 * error, difference + 1.959964 * error)
    assert paired_proportions(16, 5, 100, 0.95) == pytest.approx(expected, abs=1e-6)
    low, high = paired_proportions(0, 0, 10, 0.95)
    assert low == -high < 0
