"""`require` rules: checked against the metrics there are before anything runs, and judged on the report."""

import difflib
import math
from collections.abc import Iterator
from typing import Final

from components.metrics.absence import Absence
from components.metrics.names import AREAS, LOWER_IS_BETTER, PAIRED, metric_names
from components.metrics.slices import is_of
from schemas.config import EvaluationConfig, RequireRule, Task
from schemas.errors import ConfigError
from schemas.evaluation import Comparison, EvaluationReport, Measurement, Metric
from schemas.verdict import RuleVerdict, Verdict

_ROUNDING = 1e-12
"""0.9 - 0.905 is a little less than -0.005 in binary; a limit that is met exactly must pass."""

_LEAST_BEYOND: Final = 10
"""Bootstrap replicates beyond the bound of a test at least: with fewer, the bound is a matter of chance."""


def check_rules(evaluation: EvaluationConfig, task: Task) -> None:
    """Checks what can be known of the rules before there is a model.

    Raises:
        ConfigError: a rule names a metric that this task does not have, or a slice that is not configured, or asks
            for a significance that cannot be told.
    """
    names = metric_names(task, evaluation.top_k)
    for rule in evaluation.require:
        if rule.metric not in names:
            close = difflib.get_close_matches(rule.metric, names, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise ConfigError(
                f"`evaluation.require`: `metric` of a {task} must be one of {', '.join(names)}."
                f" Received: {rule.metric}.{hint}"
            )
        if rule.slice is not None and not any(is_of(rule.slice, columns) for columns in slicings(evaluation)):
            there = ", ".join("[" + ", ".join(columns) + "]" for columns in slicings(evaluation)) or "none"
            raise ConfigError(
                "`evaluation.require`: `slice` must be `column=value` (for a cross `column=value,column=value`), of"
                f" columns that `evaluation.slices` names: {there}. Received: {rule.slice}"
            )
        _check_significance(rule, evaluation.bootstrap_samples)


def _check_significance(rule: RequireRule, replicates: int) -> None:
    if rule.significance is None or rule.metric in PAIRED:
        return
    if rule.slice is not None and rule.metric in AREAS:
        raise ConfigError(
            f"`evaluation.require`: `significance` of {rule.metric} cannot be told on a slice, which has no bootstrap"
            " replicates of it. Leave out `slice` or `significance`, or take another metric."
        )
    least = math.ceil(_LEAST_BEYOND / rule.significance - 1e-9)
    if replicates < least:
        raise ConfigError(
            f"`evaluation.require`: `significance: {rule.significance:g}` of {rule.metric} needs at least {least}"
            f" bootstrap replicates. Received: evaluation.bootstrap_samples={replicates}"
        )


def slicings(evaluation: EvaluationConfig) -> list[tuple[str, ...]]:
    """The columns of each slicing, crosses as written."""
    return list(dict.fromkeys((s,) if isinstance(s, str) else s for s in evaluation.slices))


def judge(
    report: EvaluationReport, evaluation: EvaluationConfig, absence: Absence | None, notes: tuple[str, ...] = ()
) -> Verdict:
    """The verdict of every rule; `absence` is why there is no champion, None where there is one."""
    verdicts = [_finite_answers(report)] if report.non_finite else []
    for rule in evaluation.require:
        verdicts.extend(_verdicts(rule, report, absence))
    beats_baseline = not evaluation.require
    if absence is not None:
        beats_baseline |= absence.policy == "baseline"
        if absence.policy == "refuse":
            verdicts.append(_champion_wanted(absence))
        if absence.policy != "bless" or any(rule.champion for rule in evaluation.require):
            notes = (*notes, absence.note())
    if beats_baseline:
        verdicts.append(_beats_baseline(report))
    return Verdict(rules=tuple(verdicts), notes=notes)


def shown(metric: Metric) -> str:
    """`0.957 [0.948, 0.965]`."""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4g}"
    return f"{metric.value:.4g} [{metric.low:.4g}, {metric.high:.4g}]"


def _verdicts(rule: RequireRule, report: EvaluationReport, absence: Absence | None) -> Iterator[RuleVerdict]:
    """One verdict for each limit of a rule."""
    where = f" on {rule.slice}" if rule.slice is not None else ""
    measurement = _measurement(rule, report)
    for sign, limit in ((">=", rule.at_least), ("<=", rule.at_most)):
        if limit is not None:
            yield _absolute(rule.metric, sign, limit, where, measurement)
    for margin in rule.margins:
        yield _against_champion(rule, margin, where, measurement, absence)


def _measurement(rule: RequireRule, report: EvaluationReport) -> Measurement | str:
    """What a rule looks at, or why there is nothing."""
    if rule.slice is None:
        return Measurement(
            examples=report.examples,
            metrics=report.overall,
            undefined=report.undefined,
            comparison=report.comparison,
        )
    if rule.slice in report.slices:
        return report.slices[rule.slice]
    some = ", ".join(list(report.slices)[:10])
    return f"split {report.split} has no examples of {rule.slice}; its slices are {some}"


def _absolute(name: str, sign: str, limit: float, where: str, measurement: Measurement | str) -> RuleVerdict:
    text = f"{name} {sign} {limit:g}{where}"
    expected = f"{'at least' if sign == '>=' else 'at most'} {limit:g}"
    if isinstance(measurement, str):
        return RuleVerdict(rule=text, expected=expected, found=measurement, verdict="failed")
    metric = measurement.metrics.get(name)
    if metric is None:
        return RuleVerdict(
            rule=text, expected=expected, found=_undefined(name, measurement.undefined), verdict="failed"
        )
    passed = metric.value >= limit - _ROUNDING if sign == ">=" else metric.value <= limit + _ROUNDING
    return RuleVerdict(rule=text, expected=expected, found=shown(metric), verdict="passed" if passed else "failed")


def _against_champion(
    rule: RequireRule, margin: float, where: str, measurement: Measurement | str, absence: Absence | None
) -> RuleVerdict:
    """A rule on the difference to the champion, which must be at least `margin` in the direction that is better."""
    name, lower = rule.metric, rule.metric in LOWER_IS_BETTER
    limit = -margin if lower else margin
    bound = f"{'+' if limit >= 0 else '-'} {abs(limit):g}" if limit else ""
    text = f"{name} {'<=' if lower else '>='} champion {bound}".rstrip() + where
    expected = f"at most {abs(margin):g} worse" if margin <= 0 else f"at least {margin:g} better"
    if rule.significance is not None:
        expected = _shown_to_be(margin, rule.significance)
    if isinstance(measurement, str):
        return RuleVerdict(rule=text, expected=expected, found=measurement, verdict="failed")
    if absence is not None:
        return RuleVerdict(rule=text, expected=f"skipped: {absence.reason}", found="", verdict="skipped")
    comparison = measurement.comparison
    difference = comparison.differences.get(name) if comparison else None
    if comparison is None or difference is None:
        found = _undefined(name, {**(comparison.undefined if comparison else {}), **measurement.undefined})
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    passed = (-difference.value if lower else difference.value) >= margin - _ROUNDING
    found = f"{shown(measurement.metrics[name])}, champion {shown(comparison.champion[name])}"
    found += f", difference {shown(difference)}"
    if rule.significance is not None:
        passed, told = _tested(rule, margin, comparison)
        found = f"{found}, {told}"
    return RuleVerdict(rule=text, expected=expected, found=found, verdict="passed" if passed else "failed")


def _shown_to_be(margin: float, significance: float) -> str:
    """What a rule with `significance` asks for."""
    what = "better" if margin == 0 else f"{'less' if margin < 0 else 'more'} than {abs(margin):g}"
    if margin:
        what += " worse" if margin < 0 else " better"
    return f"{what} with {100 * (1 - significance):.4g} % confidence"


def _tested(rule: RequireRule, margin: float, comparison: Comparison) -> tuple[bool, str]:
    """Whether a test shows it, and the test in words."""
    test = next(
        (
            t
            for t in comparison.tests
            if (t.metric, t.margin, t.significance) == (rule.metric, margin, rule.significance)
        ),
        None,
    )
    if test is None:
        return False, "which cannot be tested: too few of its bootstrap replicates are defined"
    side = "at most" if rule.metric in LOWER_IS_BETTER else "at least"
    told = f"{side} {test.bound:.4g} by {test.method} (p = {test.p_value:.3g})"
    return test.p_value <= test.significance, told


def _champion_wanted(absence: Absence) -> RuleVerdict:
    """Where nothing is to be blessed without a champion."""
    expected = f"a champion to compare with (`evaluation.{absence.setting}: refuse`)"
    return RuleVerdict(rule="champion", expected=expected, found=absence.way_out(), verdict="failed")


def _beats_baseline(report: EvaluationReport) -> RuleVerdict:
    """The rule where the pipeline file has none."""
    baseline = report.baseline
    lower = baseline.metric in LOWER_IS_BETTER
    text = f"{baseline.metric} {'<' if lower else '>'} {baseline.name}"
    expected = f"{'less' if lower else 'more'} than {baseline.value:.4g}"
    metric = report.overall.get(baseline.metric)
    if metric is None:
        found = _undefined(baseline.metric, report.undefined)
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    if baseline.value >= 1 and not lower:
        found = f"{shown(metric)}; split {report.split} holds a single class, so no model can beat it"
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    passed = metric.value < baseline.value if lower else metric.value > baseline.value
    return RuleVerdict(rule=text, expected=expected, found=shown(metric), verdict="passed" if passed else "failed")


def _finite_answers(report: EvaluationReport) -> RuleVerdict:
    found = f"{report.non_finite} of {report.examples} examples have NaN or infinity"
    return RuleVerdict(rule="answers are finite numbers", expected="no NaN or infinity", found=found, verdict="failed")


def _undefined(name: str, reasons: dict[str, str]) -> str:
    return f"undefined: {reasons.get(name, 'the metric was not computed')}"
