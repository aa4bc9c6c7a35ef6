"""What a page shows of an evaluation: metrics with intervals and differences, slices, and the confusion matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.lineage.records import StoredExecution
from schemas.artifacts import ModelEvaluation
from schemas.evaluation import EvaluationReport, Metric

_MATRIX: Final = 40
"""Classes up to which the whole matrix is shown; of more, only the most frequent mistakes are."""


@dataclass(frozen=True)
class MetricLine:
    """One metric.

    Args:
        champion: the champion's value on the same examples.
        difference: candidate minus champion.
        bar: the interval's two ends and the value, in percent of the scale from 0 to 1; None for other scales.
    """

    name: str
    metric: Metric
    champion: Metric | None
    difference: Metric | None
    bar: tuple[float, float, float] | None


@dataclass(frozen=True)
class SliceLine:
    """One slice, by the evaluation's first metric that it has."""

    name: str
    examples: int
    line: MetricLine | None


@dataclass(frozen=True)
class MatrixRow:
    """Examples of one label: how many were answered with each, and which share of them."""

    label: str
    cells: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Evaluated:
    """An evaluation, ready to be shown; a `report` that cannot be read leaves the plain numbers."""

    node: str
    report: EvaluationReport | None
    metrics: Sequence[MetricLine]
    slices: Sequence[SliceLine]
    matrix: Sequence[MatrixRow]


def evaluated(execution: StoredExecution) -> Evaluated | None:
    """The evaluation that an execution published, where it did and it is still there."""
    for artifact in execution.outputs.values():
        if artifact.type_name == ModelEvaluation.type_name() and (artifact.uri / "metrics.json").is_file():
            return _evaluated(execution.node, artifact.uri)
    return None


def _evaluated(node: str, folder: Path) -> Evaluated:
    try:
        report = EvaluationReport.load(folder)
    except ValidationError:
        plain = {name: Metric(value=value) for name, value in ModelEvaluation(folder).metrics().items()}
        return Evaluated(node, None, _lines(plain), (), ())
    champion = report.comparison.champion if report.comparison else {}
    differences = report.comparison.differences if report.comparison else {}
    return Evaluated(node, report, _lines(report.overall, champion, differences), _slices(report), _matrix(report))


def _lines(
    metrics: Mapping[str, Metric],
    champion: Mapping[str, Metric] | None = None,
    differences: Mapping[str, Metric] | None = None,
) -> list[MetricLine]:
    shares = {name for name, metric in metrics.items() if _is_share(metric)}
    return [
        MetricLine(
            name, metric, (champion or {}).get(name), (differences or {}).get(name), _bar(metric, name in shares)
        )
        for name, metric in metrics.items()
    ]


def _is_share(metric: Metric) -> bool:
    return all(0 <= number <= 1 for number in (metric.value, metric.low, metric.high) if number is not None)


def _bar(metric: Metric, share: bool) -> tuple[float, float, float] | None:
    if not share:
        return None
    low, high = (metric.value if end is None else end for end in (metric.low, metric.high))
    return 100 * low, 100 * high, 100 * metric.value


def _slices(report: EvaluationReport) -> list[SliceLine]:
    """Each slice by the metric that comes first in the whole; what is worst comes first."""
    first = next(iter(report.overall), "")
    lines = []
    for name, part in report.slices.items():
        shown = {first: part.metrics[first]} if first in part.metrics else {}
        differences = part.comparison.differences if part.comparison else {}
        champion = part.comparison.champion if part.comparison else {}
        lines.append(SliceLine(name, part.examples, next(iter(_lines(shown, champion, differences)), None)))
    return sorted(lines, key=lambda line: (line.line is None, line.line.metric.value if line.line else 0.0))


def _matrix(report: EvaluationReport) -> list[MatrixRow]:
    matrix = report.confusion_matrix
    if matrix is None or len(matrix.labels) > _MATRIX:
        return []
    return [
        MatrixRow(label, [(count, count / max(sum(counts), 1)) for count in counts])
        for label, counts in zip(matrix.labels, matrix.counts, strict=True)
    ]
