"""Tests of significance of a difference to the champion: what a rule with `significance` asks for.

All are one-sided and paired: both models answered the same examples. The null hypothesis is that the candidate is
better than the champion by at most a margin, which is negative for `no_worse_by`. To reject it is to show superiority
by that margin, or non-inferiority (Piaggio et al. 2012, "Reporting of Noninferiority and Equivalence Randomized
Trials"): the whole confidence interval must lie on the good side of the margin. So too few examples refuse a candidate,
rather than letting a bad one through. Dietterich 1998, "Approximate Statistical Tests for Comparing Supervised
Classification Learning Algorithms", recommends McNemar's test for two models of one training each.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.metrics.measured import Rows
from components.metrics.names import LOWER_IS_BETTER
from schemas.config import RequireRule
from schemas.evaluation import SignificanceTest

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Hypothesis:
    """What a rule asks to be shown: that the candidate is better by more than `margin`, on a slice or on the split."""

    metric: str
    margin: float
    significance: float
    slice: str | None


@dataclass(frozen=True)
class Discordant:
    """Of `trials` examples, those that only one of two models got right."""

    candidate_only: int
    champion_only: int
    trials: int


def hypotheses(rules: Sequence[RequireRule]) -> Iterator[Hypothesis]:
    """What the rules with `significance` ask to be shown."""
    for rule in rules:
        if rule.significance is not None:
            for margin in rule.margins:
                yield Hypothesis(rule.metric, margin, rule.significance, rule.slice)


def of_proportions(hypothesis: Hypothesis, counts: Discordant) -> SignificanceTest:
    """The test for a share of examples that are right: McNemar's exact one, or with a margin Tango's."""
    if hypothesis.margin == 0:
        p_value, bound = mcnemar_bound(counts, hypothesis.significance)
        return _result(hypothesis, "McNemar's exact test", p_value, bound)
    p_value = tango(counts, hypothesis.margin)
    return _result(hypothesis, "Tango's score test", p_value, tango_bound(counts, hypothesis.significance))


def of_replicates(hypothesis: Hypothesis, differences: Rows) -> SignificanceTest | None:
    """The test by the paired bootstrap; None where there are too few replicates for it.

    Args:
        hypothesis: what is to be shown.
        differences: candidate minus champion, first of the sample and then of its replicates, `(1 + replicates,)`.

    The replicates are shifted so that their median is the sample's value, which takes out the bootstrap's bias. The
    p-value is the share of them that is not above the margin (Efron and Tibshirani 1993, section 15.4, with the sample
    counted in, as in Davison and Hinkley 1997, section 4.2.5).
    """
    better = -differences if hypothesis.metric in LOWER_IS_BETTER else differences
    replicates = np.sort(better[1:][np.isfinite(better[1:])])
    place = math.floor(hypothesis.significance * (len(replicates) + 1) + _ROUNDING)
    if place < 1:
        return None
    shifted = replicates + (better[0] - np.median(replicates))
    not_above = int(np.count_nonzero(shifted <= hypothesis.margin))
    p_value = (1 + not_above) / (1 + len(replicates))
    return _result(hypothesis, "paired bootstrap", p_value, float(shifted[place - 1]))


def mcnemar_bound(counts: Discordant, significance: float) -> tuple[float, float]:
    """McNemar's exact test that the candidate is better, and the bound below which the difference hardly is.

    Given how many examples only one model got right, the candidate's share of them is binomial (McNemar 1947); its
    bound is Clopper and Pearson's, so that it is positive where the p-value is below `significance`.
    """
    from scipy.stats import binomtest

    trials = counts.candidate_only + counts.champion_only
    if not trials:
        return 1.0, 0.0
    test = binomtest(counts.candidate_only, trials, alternative="greater")
    low = test.proportion_ci(confidence_level=1 - significance, method="exact").low
    return float(test.pvalue), float((2 * low - 1) * trials / counts.trials)


def tango(counts: Discordant, margin: float) -> float:
    """One-sided p-value of the score test that the difference of two paired proportions is at most `margin`.

    Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design"; for a margin of zero it is McNemar's test in its normal approximation.
    """
    from scipy.stats import norm

    return float(norm.sf(_score(counts, margin)))


def tango_bound(counts: Discordant, significance: float) -> float:
    """The largest margin that `tango` shows the difference to be above."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    estimate, limit = (counts.candidate_only - counts.champion_only) / counts.trials, norm.isf(significance)
    lowest = -1 + _ROUNDING
    if estimate <= lowest or _score(counts, lowest) <= limit:
        return -1.0
    if _score(counts, estimate) >= limit:  # at a significance of 0.5, where rounding decides
        return estimate
    return float(brentq(lambda margin: _score(counts, margin) - limit, lowest, estimate))


def _score(counts: Discordant, margin: float) -> float:
    """Tango's statistic, from the maximum likelihood of the champion's discordant share under the margin."""
    total, difference = counts.trials, counts.candidate_only - counts.champion_only
    linear = (2 * total - difference) * margin - counts.candidate_only - counts.champion_only
    root = math.sqrt(max(linear**2 + 8 * total * counts.champion_only * margin * (1 - margin), 0.0))
    share = (root - linear) / (4 * total)
    variance = total * (2 * share + margin * (1 - margin))
    distance = difference - total * margin
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _result(hypothesis: Hypothesis, method: str, p_value: float, bound: float) -> SignificanceTest:
    return SignificanceTest(
        metric=hypothesis.metric,
        margin=hypothesis.margin,
        significance=hypothesis.significance,
        method=method,
        p_value=p_value,
        bound=-bound if hypothesis.metric in LOWER_IS_BETTER else bound,
    )
