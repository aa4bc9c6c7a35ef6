"""Rules on what a served model is asked and answers, against its training data, its evaluation, and labels."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tensorflow_metadata.proto.v0 import schema_pb2

from components.metrics.intervals import wilson
from components.validation.distributions import Distribution, Percentiles, categories, distributions, numbers
from components.validation.drift import JS, LINF, PSI, Metric, comparator_limits, compare
from components.validation.inspection import Check, Judgement, Rule, known, of, percent, ratio
from schemas.config import MonitoringConfig, RuleConfig
from schemas.evaluation import EvaluationReport
from schemas.statistics import SplitView

if TYPE_CHECKING:
    from components.transforms.label_join import Joined
    from components.transforms.request_logs import LogCounts

CONFIDENCE: Final = 0.95
LABEL: Final = "_predicted_label"
SCORE: Final = "_predicted_score"
"""Columns of answers beside those of requests: labels, where there are classes; the score of the best, or the predicted
number."""
_SEVERAL: Final = "|"
_METRICS: Final = (LINF, JS, PSI)
_ON_INPUTS: Final = "Clients ask about other things than the model learned: look at who asks what, and train on it"
_ON_ANSWERS: Final = (
    "The world, or what is asked, has changed, or the model is wrong: look at examples of what moved most"
)


@dataclass(frozen=True)
class ServedVersion:
    """One version of a model.

    Args:
        version: its number.
        asked: statistics of its requests and answers.
        training: those of its training data.
        evaluation: what its evaluation found.
        schema: of its training data.
        missing: why there is neither.
    """

    version: int
    asked: SplitView
    training: SplitView | None = None
    evaluation: EvaluationReport | None = None
    schema: schema_pb2.Schema | None = None
    missing: str = ""

    @property
    def name(self) -> str:
        return f"version {self.version}"


@dataclass(frozen=True)
class ServedInspection:
    """What all rules look at.

    Args:
        versions: those that were asked within the window, oldest first.
        features: columns that the model reads.
        window: in words.
        counts: what was met in the logs.
        joined: what labels say of answers; None where there are none.
    """

    versions: Sequence[ServedVersion]
    features: frozenset[str]
    window: str
    counts: "LogCounts"
    joined: "Joined | None" = None


def judge_served(inspection: ServedInspection, config: MonitoringConfig) -> Judgement:
    """Holds what was served against every rule that is on.

    Of a version that another one has replaced, which nobody is given answers of any more, an error is but a warning.
    """
    judgement = Judgement()
    judgement.add(_unreadable(inspection), config.unreadable_log)
    gone = inspection.counts.replaced()
    for kind, quantities in (("skew", _inputs), ("prediction", _answers)):
        for metric in _METRICS:
            name = f"{kind}_{metric.key}"
            limit: RuleConfig = getattr(config, name)
            for rule in _compared(inspection, name, metric, quantities) if limit.severity != "off" else ():
                _add(judgement, rule, limit, gone)
    if config.live_accuracy is not None:
        limit = RuleConfig(severity=config.live_accuracy.severity, at_most=0.0)
        _add(judgement, _live_accuracy(inspection, config.live_accuracy.at_least), limit, gone)
    return judgement


def _add(judgement: Judgement, rule: Rule, limit: RuleConfig, gone: frozenset[int]) -> None:
    """Adds a rule as it holds for versions that answer, and as it holds for those that do no more."""
    names = {f"version {version}" for version in gone}
    now, before = (tuple(c for c in rule.checks if (c.split in names) is old) for old in (False, True))
    if now or not before:
        judgement.add(replace(rule, checks=now), limit)
    if before:
        old = replace(rule, checks=before, expected=f"{rule.expected} (of versions that answer no more)")
        judgement.add(old, softened(limit))


def softened(limit: RuleConfig) -> RuleConfig:
    """The same as a warning."""
    return limit if limit.severity == "off" else limit.model_copy(update={"severity": "warning"})


def _unreadable(inspection: ServedInspection) -> Rule:
    counts = inspection.counts
    broken = counts.damaged + len(counts.unreadable)
    found = of(broken, counts.records + len(counts.unreadable), "records and files")
    share = ratio(broken, counts.records + len(counts.unreadable))
    check = Check("logs", share, found, rows=known(tuple(counts.unreadable)))
    advice = "Remove these files; a log is written by `trainworks serve --request_log`"
    return Rule("unreadable_log", "records and files of logs that cannot be read: {limit}", (check,), advice)


Quantities = Callable[[ServedVersion, frozenset[str]], Iterator[Distribution]]


def _compared(inspection: ServedInspection, name: str, metric: Metric, quantities: Quantities) -> Iterator[Rule]:
    """One rule on all versions that have something to compare, and one for each other, which is skipped."""
    against = "requests and training data" if quantities is _inputs else "answers and those in the evaluation"
    expected, advice = (
        f"{metric.name} between {against}: {{limit}}",
        _ON_INPUTS if quantities is _inputs else _ON_ANSWERS,
    )
    if not inspection.versions:
        yield Rule(name, expected, skipped=f"skipped: no request of the last {inspection.window}", plain=True)
    checks: list[Check] = []
    for version in inspection.versions:
        limits = comparator_limits(version.schema, "skew_comparator", metric) if version.schema else {}
        found = (one for one in quantities(version, inspection.features) if one.samples.comparable)
        compared = tuple(compare(version.name, found, metric, limits))
        checks.extend(compared)
        if not compared:
            skipped = f"skipped: {version.name}: {_nothing(version, quantities)}"
            yield Rule(name, expected, skipped=skipped, plain=True)
    if checks:
        yield Rule(name, expected, tuple(checks), advice, plain=True)


def _nothing(version: ServedVersion, quantities: Quantities) -> str:
    """Why a version has nothing to compare."""
    if quantities is _answers and version.evaluation is None:
        return version.missing or "its evaluation is gone"
    return version.missing or "none of its values can be compared so"


def _inputs(version: ServedVersion, features: frozenset[str]) -> Iterator[Distribution]:
    """What requests bring. Only features must be there; other columns need not be sent along."""
    if version.training is not None:
        for found in distributions(version.training, version.asked):
            if found.feature in features or not found.presence:
                yield found


def _answers(version: ServedVersion, _: frozenset[str]) -> Iterator[Distribution]:
    """Predicted labels, and scores or numbers."""
    report = version.evaluation
    if report is None:
        return
    label, score = version.asked.features.get(LABEL), version.asked.features.get(SCORE)
    if label is not None and report.per_class:
        before = {f"`{one.label}`": one.predicted for one in report.per_class if one.predicted}
        yield categories("predictions", "predicted label", before, _single(label.values, report.task == "multi-label"))
    if score is not None:
        what = "predicted number" if report.task == "regression" else "score"
        evaluated = Percentiles(report.best_scores, report.examples - report.non_finite)
        yield numbers("predictions", what, evaluated, Percentiles.of(score))


def _single(values: Mapping[str, int], several: bool) -> dict[str, int]:
    """Labels and how often each was predicted, where an answer may have several, too, or none."""
    counts = Counter[str]()
    for value, count in values.items():
        for label in filter(None, value.split(_SEVERAL)) if several else (value,):
            counts[f"`{label}`"] += count
    return dict(counts)


def _live_accuracy(inspection: ServedInspection, at_least: float) -> Rule:
    expected = f"accuracy of the answers that have labels: at least {percent(at_least)}, beyond what chance explains"
    days = inspection.joined.days if inspection.joined else ()
    checks = []
    for version in sorted({day.version for day in days}):
        mine = [day for day in days if day.version == version]
        right, labelled = sum(day.right for day in mine), sum(day.labelled for day in mine)
        if labelled:
            high = wilson(right, labelled, CONFIDENCE)[1]
            share = of(labelled, sum(day.answers for day in mine), "answers have labels")
            found = f"{told_accuracy(right, labelled)}; {share}"
            checks.append(Check(f"version {version}", max(at_least - high, 0.0), found, telling=True))
    skipped = "" if checks else "skipped: no answer has a label yet"
    advice = "Look at what it gets wrong, and train on these labels"
    return Rule("live_accuracy", expected, tuple(checks), advice, skipped)


def told_accuracy(right: int, labelled: int) -> str:
    """`91.3 % right (95 % interval 90.1 % to 92.4 %)`."""
    low, high = wilson(right, labelled, CONFIDENCE)
    return f"{percent(right / labelled)} right ({percent(CONFIDENCE)} interval {percent(low)} to {percent(high)})"
