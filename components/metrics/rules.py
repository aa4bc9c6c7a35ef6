"""`require` rules: checked against the metrics there are before anything runs, and judged on the report."""

import difflib
from collections.abc import Iterator

from components.metrics.names import LOWER_IS_BETTER, metric_names
from components.metrics.slices import is_of
from schemas.config import EvaluationConfig, RequireRule, Task
from schemas.errors import ConfigError
from schemas.evaluation import EvaluationReport, Measurement, Metric
from schemas.verdict import RuleVerdict, Verdict

_ROUNDING = 1e-12
"""0.9 - 0.905 is a little less than -0.005 in binary; a limit that is met exactly must pass."""


def check_rules(evaluation: EvaluationConfig, task: Task) -> None:
    """Checks what can be known of the rules before there is a model.

    Raises:
        ConfigError: a rule names a metric that this task does not have, or a slice that is not configured.
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


def slicings(evaluation: EvaluationConfig) -> list[tuple[str, ...]]:
    """The columns of each slicing, crosses as written."""
    return list(dict.fromkeys((s,) if isinstance(s, str) else s for s in evaluation.slices))


def judge(report: EvaluationReport, evaluation: EvaluationConfig, champion_missing: str) -> Verdict:
    """The verdict of every rule; `champion_missing` says why there is no champion, should a rule need one."""
    verdicts = [_finite_answers(report)] if report.non_finite else []
    for rule in evaluation.require:
        verdicts.extend(_verdicts(rule, report, champion_missing))
    return Verdict(rules=tuple(verdicts if evaluation.require else [*verdicts, _beats_baseline(report)]))


def shown(metric: Metric) -> str:
    """`0.957 [0.948, 0.965]`."""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.4g}"
    return f"{metric.value:.4g} [{metric.low:.4g}, {metric.high:.4g}]"


def _verdicts(rule: RequireRule, report: EvaluationReport, champion_missing: str) -> Iterator[RuleVerdict]:
    """One verdict for each limit of a rule."""
    where = f" on {rule.slice}" if rule.slice is not None else ""
    measurement = _measurement(rule, report)
    for sign, limit in ((">=", rule.at_least), ("<=", rule.at_most)):
        if limit is not None:
            yield _absolute(rule.metric, sign, limit, where, measurement)
    for margin in (None if rule.no_worse_by is None else -rule.no_worse_by, rule.better_by):
        if margin is not None:
            yield _against_champion(rule.metric, margin, where, measurement, champion_missing)


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
    name: str, margin: float, where: str, measurement: Measurement | str, champion_missing: str
) -> RuleVerdict:
    """A rule on the difference to the champion, which must be at least `margin` in the direction that is better."""
    lower = name in LOWER_IS_BETTER
    limit = -margin if lower else margin
    bound = f"{'+' if limit >= 0 else '-'} {abs(limit):g}" if limit else ""
    text = f"{name} {'<=' if lower else '>='} champion {bound}".rstrip() + where
    expected = f"at most {abs(margin):g} worse" if margin <= 0 else f"at least {margin:g} better"
    if isinstance(measurement, str):
        return RuleVerdict(rule=text, expected=expected, found=measurement, verdict="failed")
    if measurement.comparison is None:
        return RuleVerdict(rule=text, expected=f"skipped: {champion_missing}", found="", verdict="skipped")
    comparison = measurement.comparison
    difference = comparison.differences.get(name)
    if difference is None:
        found = _undefined(name, {**comparison.undefined, **measurement.undefined})
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    better = -difference.value if lower else difference.value
    values = f"{shown(measurement.metrics[name])}, champion {shown(comparison.champion[name])}"
    found = f"{values}, difference {shown(difference)}"
    return RuleVerdict(
        rule=text, expected=expected, found=found, verdict="passed" if better >= margin - _ROUNDING else "failed"
    )


def _beats_baseline(report: EvaluationReport) -> RuleVerdict:
    """The rule where the pipeline file has none."""
    baseline = report.baseline
    text = f"{baseline.metric} > {baseline.name}"
    expected = f"more than {baseline.value:.4g}"
    metric = report.overall.get(baseline.metric)
    if metric is None:
        found = _undefined(baseline.metric, report.undefined)
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    if baseline.value >= 1:
        found = f"{shown(metric)}; split {report.split} holds a single class, so no model can beat it"
        return RuleVerdict(rule=text, expected=expected, found=found, verdict="failed")
    passed = metric.value > baseline.value
    return RuleVerdict(rule=text, expected=expected, found=shown(metric), verdict="passed" if passed else "failed")


def _finite_answers(report: EvaluationReport) -> RuleVerdict:
    found = f"{report.non_finite} of {report.examples} examples have NaN or infinity"
    return RuleVerdict(rule="answers are finite numbers", expected="no NaN or infinity", found=found, verdict="failed")


def _undefined(name: str, reasons: dict[str, str]) -> str:
    return f"undefined: {reasons.get(name, 'the metric was not computed')}"
