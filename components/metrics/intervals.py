"""Confidence intervals in closed form for proportions, and McNemar's test."""

import math
from statistics import NormalDist


def wilson(successes: float, trials: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); `(0, 1)` without trials."""
    if trials <= 0:
        return 0.0, 1.0
    z = _quantile(confidence)
    share, spread = successes / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / trials / 4) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def paired_proportions(first_only: int, second_only: int, trials: int, confidence: float) -> tuple[float, float]:
    """Interval of the difference of two proportions of the same examples: adjusted Wald, Agresti and Min 2005.

    Args:
        first_only: examples that only the first got right; `second_only` likewise.
        trials: all examples.
    """
    first, second, total = first_only + 0.5, second_only + 0.5, trials + 2
    difference = (first - second) / total
    error = math.sqrt(first + second - (first - second) ** 2 / total) / total
    half = _quantile(confidence) * error
    return max(-1.0, difference - half), min(1.0, difference + half)


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value of the null hypothesis that both are equally often right alone (McNemar 1947)."""
    trials, fewer = first_only + second_only, min(first_only, second_only)
    if first_only == second_only:
        return 1.0
    logs = [math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in range(fewer + 1)]
    tail = math.fsum(math.exp(log - trials * math.log(2)) for log in logs)
    return min(1.0, 2 * tail)


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
