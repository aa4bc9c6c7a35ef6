"""Tests of significance against brute force, published values and simulation."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import beta, binom, norm

from components.metrics.bootstrap import poisson_weights
from components.metrics.significance import (
    Discordant,
    Hypothesis,
    hypotheses,
    mcnemar_bound,
    of_proportions,
    of_replicates,
    tango,
    tango_bound,
)
from schemas.config import RequireRule


def hypothesis(metric: str = "accuracy", margin: float = 0.0, significance: float = 0.05) -> Hypothesis:
    return Hypothesis(metric, margin, significance, None)


@pytest.mark.parametrize(("candidate", "champion"), [(12, 2), (1, 0), (5, 5), (0, 7), (40, 25)])
def test_mcnemar_is_the_exact_binomial_tail(candidate: int, champion: int) -> None:
    p_value, bound = mcnemar_bound(Discordant(candidate, champion, 200), 0.05)
    trials = candidate + champion
    assert p_value == pytest.approx(sum(math.comb(trials, k) for k in range(candidate, trials + 1)) / 2**trials)
    share = beta.ppf(0.05, candidate, champion + 1) if candidate else 0.0  # Clopper and Pearson 1934
    assert bound == pytest.approx((2 * share - 1) * trials / 200, abs=1e-9)
    assert (bound > 0) == (p_value < 0.05)


def test_models_that_never_differ_are_not_better_but_no_worse() -> None:
    same = Discordant(0, 0, 1000)
    assert mcnemar_bound(same, 0.05) == (1.0, 0.0)
    # The score is sqrt(n m / (1 - m)) then.
    assert tango(same, -0.005) == pytest.approx(norm.sf(math.sqrt(1000 * 0.005 / 0.995)), rel=1e-6)
    assert tango(Discordant(0, 0, 200), -0.005) > 0.05


def test_without_a_margin_tango_is_mcnemar_in_its_normal_approximation() -> None:
    assert tango(Discordant(25, 12, 300), 0.0) == pytest.approx(norm.sf(13 / math.sqrt(37)))


@pytest.mark.parametrize("counts", [Discordant(16, 5, 100), Discordant(3, 9, 400), Discordant(0, 4, 50)])
@pytest.mark.parametrize("margin", [-0.1, -0.03, 0.02])
def test_tango_scores_by_the_likelihood_under_the_margin(counts: Discordant, margin: float) -> None:
    both = counts.trials - counts.candidate_only - counts.champion_only

    def against(share: float) -> float:
        terms = ((counts.candidate_only, share + margin), (counts.champion_only, share), (both, 1 - 2 * share - margin))
        return -sum(count * math.log(p) for count, p in terms if count)

    low, high = max(0.0, -margin), (1 - margin) / 2
    share = minimize_scalar(against, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = (2 * share + margin - margin**2) / counts.trials
    difference = (counts.candidate_only - counts.champion_only) / counts.trials
    assert tango(counts, margin) == pytest.approx(norm.sf((difference - margin) / math.sqrt(variance)), rel=1e-3)


@pytest.mark.parametrize("counts", [Discordant(16, 5, 100), Discordant(3, 9, 400), Discordant(0, 0, 30)])
def test_the_bound_is_where_the_test_changes_its_mind(counts: Discordant) -> None:
    bound = tango_bound(counts, 0.05)
    assert tango(counts, bound) == pytest.approx(0.05, abs=1e-6)
    assert tango(counts, bound - 0.001) < 0.05 < tango(counts, bound + 0.001)
    assert tango_bound(Discordant(0, 20, 20), 0.05) == -1.0


def test_the_bound_at_even_odds_is_the_difference_itself() -> None:
    for champion_only in range(40):
        for trials in (49, 103, 1021):
            counts = Discordant(7, champion_only, trials)
            assert tango_bound(counts, 0.5) == pytest.approx((7 - champion_only) / trials)


def test_a_candidate_at_the_margin_passes_hardly_more_often_than_the_significance_says() -> None:
    """A model that is worse by exactly the margin; the exact distribution of its discordant counts."""
    trials, worse, better = 300, 0.06, 0.03
    passed = 0.0
    for champion in range(50):
        for candidate in range(50):
            weight = binom.pmf(champion, trials, worse) * binom.pmf(candidate, trials - champion, better / (1 - worse))
            if tango(Discordant(candidate, champion, trials), better - worse) <= 0.05:
                passed += weight
    assert 0.03 < passed < 0.06


def test_margins_choose_the_test_of_proportions() -> None:
    counts = Discordant(16, 5, 100)
    exact, scored = of_proportions(hypothesis(), counts), of_proportions(hypothesis(margin=-0.02), counts)
    assert (exact.method, exact.p_value) == ("McNemar's exact test", pytest.approx(27896 / 2**21))
    assert (scored.method, scored.p_value) == ("Tango's score test", tango(counts, -0.02))
    assert scored.bound == tango_bound(counts, 0.05)


def test_replicates_are_counted_beyond_the_margin() -> None:
    """The bound is the tenth of 200 replicates once these have the sample as their median."""
    spread = np.arange(-99.5, 100.0) / 1000
    rows = np.array([0.05, *np.random.default_rng(1).permutation(spread + 0.3)])
    test = of_replicates(hypothesis("f1_macro"), rows)
    assert test is not None
    assert test.bound == pytest.approx(0.05 - 0.0905)
    assert test.p_value == pytest.approx((1 + 50) / 201)
    shown = of_replicates(hypothesis("f1_macro", margin=-0.045), rows)
    assert shown is not None
    assert shown.p_value == pytest.approx((1 + 5) / 201)
    assert (shown.p_value <= 0.05) == (shown.bound > -0.045)


def test_of_a_loss_less_is_better() -> None:
    rows = np.array([-0.2, *(np.linspace(-0.3, -0.1, 199))])
    test = of_replicates(hypothesis("log_loss"), rows)
    assert test is not None
    assert test.p_value == pytest.approx(1 / 200)
    assert -0.3 < test.bound < 0


def test_too_few_replicates_are_no_test() -> None:
    rows = np.array([0.1, *np.linspace(0, 0.2, 18)])
    assert of_replicates(hypothesis("f1_macro"), rows) is None
    undefined = np.where(np.arange(101) > 10, np.nan, 0.1)
    assert of_replicates(hypothesis("f1_macro"), undefined) is None


def test_every_margin_of_a_rule_with_significance_is_a_hypothesis() -> None:
    rules = [
        RequireRule(metric="accuracy", champion=True, no_worse_by=0.01, better_by=0.0, significance=0.1, slice="a=b"),
        RequireRule(metric="accuracy", champion=True, no_worse_by=0.01),
    ]
    assert list(hypotheses(rules)) == [
        Hypothesis("accuracy", -0.01, 0.1, "a=b"),
        Hypothesis("accuracy", 0.0, 0.1, "a=b"),
    ]


def test_the_bootstrap_passes_a_model_at_the_margin_hardly_more_often_than_it_says() -> None:
    """Differences of 150 examples whose true mean is the margin, 600 times."""
    random, passed = np.random.default_rng(3), 0
    for _ in range(600):
        differences = random.normal(-0.1, 1.0, 150)
        weights = poisson_weights(random.integers(2**63, size=150).astype(np.uint64), 200).astype(np.float64)
        rows = (weights @ differences) / weights.sum(axis=1)
        test = of_replicates(hypothesis("f1_macro", margin=-0.1), rows)
        passed += test is not None and test.p_value <= test.significance
    assert 0.025 < passed / 600 < 0.085
