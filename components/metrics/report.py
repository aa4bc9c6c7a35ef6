"""From what was accumulated to the report."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from components.metrics.accumulator import Accumulator, PairTally
from components.metrics.class_tally import ClassTally
from components.metrics.classification import ClassificationTally
from components.metrics.intervals import mcnemar, paired_proportions
from components.metrics.masked import MaskedTally
from components.metrics.measured import Measured
from components.metrics.names import PAIRED
from components.metrics.significance import Discordant, Hypothesis, of_proportions, of_replicates
from components.metrics.tally import Tally
from schemas.config import Task
from schemas.evaluation import (
    Baseline,
    ClassReport,
    Comparison,
    Confusion,
    ConfusionMatrix,
    EvaluationReport,
    McNemar,
    Measurement,
    Metric,
    SignificanceTest,
)

_UNKNOWN, _NO_PREDICTION = "(unknown label)", "(no prediction)"
_MOST_CLASSES_SHOWN = 200
"""The whole matrix is written up to this many classes; the most frequent confusions, whatever their number."""

_MOST_CONFUSIONS = 20
_MOST_NAMED = 5


@dataclass(frozen=True)
class ReportSubject:
    """What was evaluated, and on what."""

    task: Task
    split: str
    label: str
    model: str
    champion: str | None
    classes: tuple[str, ...]
    confidence: float
    bootstrap_samples: int
    notes: tuple[str, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    """What is to be shown of differences to the champion."""


def build_report(accumulator: Accumulator, subject: ReportSubject, notes: tuple[str, ...] = ()) -> EvaluationReport:
    """The report of a split with at least one example."""
    overall, tally = _measurement(accumulator.overall, subject), accumulator.overall.candidate
    return EvaluationReport(
        task=subject.task,
        split=subject.split,
        label=subject.label,
        model=subject.model,
        champion=subject.champion,
        examples=overall.examples,
        confidence=subject.confidence,
        bootstrap_samples=subject.bootstrap_samples,
        overall=overall.metrics,
        undefined=overall.undefined,
        baseline=_baseline(tally, subject),
        unknown_labels=int(tally.support[-1]) if isinstance(tally, ClassTally) else 0,
        unknown_label_examples={k.decode(errors="replace"): v for k, v in accumulator.unknown_labels.items()},
        non_finite=tally.non_finite,
        per_class=_class_reports(tally, subject),
        confusion_matrix=_confusion_matrix(tally, subject),
        confusions=_confusions(tally, subject),
        comparison=overall.comparison,
        slices={key: _measurement(pair, subject, key) for key, pair in sorted(accumulator.slices.items())},
        best_scores=accumulator.best_scores.bounds(),
        notes=subject.notes + notes,
    )


def _measurement(pair: PairTally, subject: ReportSubject, slice_name: str | None = None) -> Measurement:
    measured = pair.candidate.measure()
    return Measurement(
        examples=pair.candidate.examples,
        metrics=measured.metrics(subject.confidence),
        undefined=measured.undefined,
        comparison=_comparison(pair, measured, subject, slice_name),
    )


def _comparison(
    pair: PairTally, candidate: Measured, subject: ReportSubject, slice_name: str | None
) -> Comparison | None:
    if pair.champion is None:
        return None
    champion = pair.champion.measure()
    differences = candidate.differences(champion, subject.confidence)
    test = None
    accuracy = pair.candidate.accuracy if isinstance(pair.candidate, ClassTally) else ""
    if accuracy in differences:
        only = (pair.candidate_only, pair.champion_only)
        low, high = paired_proportions(*only, pair.candidate.examples, subject.confidence)
        differences[accuracy] = Metric(value=differences[accuracy].value, low=low, high=high)
        test = McNemar(candidate_only=only[0], champion_only=only[1], p_value=mcnemar(*only))
    return Comparison(
        champion=champion.metrics(subject.confidence),
        differences=differences,
        undefined={name: f"champion: {reason}" for name, reason in champion.undefined.items()},
        mcnemar=test,
        tests=tuple(_tests(pair, candidate, champion, [h for h in subject.hypotheses if h.slice == slice_name])),
    )


def _tests(
    pair: PairTally, candidate: Measured, champion: Measured, hypotheses: Iterable[Hypothesis]
) -> Iterator[SignificanceTest]:
    """The tests that there are enough examples, or replicates, for."""
    counts = Discordant(pair.candidate_only, pair.champion_only, pair.candidate.examples)
    for hypothesis in hypotheses:
        if hypothesis.metric not in candidate.rows or hypothesis.metric not in champion.rows:
            continue
        if hypothesis.metric in PAIRED:
            yield of_proportions(hypothesis, counts)
        elif test := of_replicates(hypothesis, candidate.difference(champion, hypothesis.metric)):
            yield test


def _baseline(tally: Tally, subject: ReportSubject) -> Baseline:
    if isinstance(tally, MaskedTally):
        return Baseline(name="frequency of each piece", metric="perplexity", value=tally.baseline())
    if not isinstance(tally, ClassTally):
        return Baseline(name="mean", metric="r2", value=0.0)
    places, metric, value = tally.baseline()
    names = ", ".join(f"`{subject.classes[place]}`" for place in places[:_MOST_NAMED])
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    what = "majority class" if metric == "accuracy" else "always"
    return Baseline(name=f"{what} {names}{more}", metric=metric, value=value)


def _class_reports(tally: Tally, subject: ReportSubject) -> tuple[ClassReport, ...]:
    if not isinstance(tally, ClassTally):
        return ()
    counts = zip(tally.support.tolist(), tally.predicted.tolist(), strict=True)
    return tuple(
        ClassReport(label=label, examples=examples, predicted=predicted, metrics=measured.metrics(subject.confidence))
        for label, (examples, predicted), measured in zip(
            subject.classes, counts, tally.measure_classes(), strict=False
        )
    )


def _confusion_matrix(tally: Tally, subject: ReportSubject) -> ConfusionMatrix | None:
    """Rows and columns of unknown labels and missing predictions are there only if they count anything."""
    if not isinstance(tally, ClassificationTally) or not 0 < len(tally.confusion) <= _MOST_CLASSES_SHOWN + 1:
        return None
    matrix, labels = tally.confusion, list(subject.classes)
    if matrix[-1].any() or matrix[:, -1].any():
        labels.append(f"{_UNKNOWN} / {_NO_PREDICTION}")
    return ConfusionMatrix(
        labels=tuple(labels), counts=tuple(map(tuple, matrix[: len(labels), : len(labels)].tolist()))
    )


def _confusions(tally: Tally, subject: ReportSubject) -> tuple[Confusion, ...]:
    if not isinstance(tally, ClassificationTally) or not len(tally.confusion):
        return ()
    wrong = tally.confusion.copy()
    np.fill_diagonal(wrong[:-1, :-1], 0)
    largest = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    pairs = zip(*(axis.tolist() for axis in np.unravel_index(largest, wrong.shape)), strict=True)
    labels, answers = [*subject.classes, _UNKNOWN], [*subject.classes, _NO_PREDICTION]
    found = [Confusion(label=labels[i], predicted=answers[j], count=int(wrong[i, j])) for i, j in pairs]
    return tuple(confusion for confusion in found if confusion.count)
