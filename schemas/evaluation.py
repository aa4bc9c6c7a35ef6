"""`metrics.json`: what an evaluation found, overall, by class, by slice and against the champion.

A metric that the examples do not define (an AUC where one class stands alone, say) is not listed with a made-up value:
its name and the reason are under `undefined`.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schemas.config import Task


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Metric(_Part):
    """A value and the ends of its confidence interval; None where no interval was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class ClassReport(_Part):
    """One class: examples with this label, predictions of it, and its metrics against the rest."""

    label: str
    examples: int
    predicted: int
    metrics: dict[str, Metric]


class Confusion(_Part):
    """`count` examples of `label` were answered with `predicted`."""

    label: str
    predicted: str
    count: int


class ConfusionMatrix(_Part):
    """`counts[i][j]`: examples of label `labels[i]` that were answered with `labels[j]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class McNemar(_Part):
    """Examples that only one of two models got right, and the exact two-sided p-value of McNemar's test."""

    candidate_only: int
    champion_only: int
    p_value: float


class SignificanceTest(_Part):
    """A one-sided paired test that the candidate is better than the champion by more than `margin`.

    `bound` is of the difference, candidate minus champion: with confidence `1 - significance` the difference is on the
    better side of it.
    """

    metric: str
    margin: float
    significance: float
    method: str
    p_value: float
    bound: float


class Comparison(_Part):
    """The champion on the same examples. `differences` are candidate minus champion, with paired intervals."""

    champion: dict[str, Metric]
    differences: dict[str, Metric]
    undefined: dict[str, str] = {}
    mcnemar: McNemar | None = None
    tests: tuple[SignificanceTest, ...] = ()
    """What rules with `significance` asked for, where it could be tested."""


class Measurement(_Part):
    """The metrics of one set of examples."""

    examples: int
    metrics: dict[str, Metric]
    undefined: dict[str, str] = {}
    comparison: Comparison | None = None


class Baseline(_Part):
    """What a model that knows nothing reaches: the share of the largest class, the F1 of an answer that is always the
    same labels, R2 = 0 for the mean, or the perplexity of the frequencies of pieces."""

    name: str
    metric: str
    value: float


class EvaluationReport(_Part):
    """The whole of `metrics.json`. Intervals are at `confidence`."""

    task: Task
    split: str
    label: str
    model: str
    champion: str | None
    examples: int
    confidence: float
    bootstrap_samples: int
    overall: dict[str, Metric]
    undefined: dict[str, str] = {}
    baseline: Baseline
    unknown_labels: int = 0
    """Labels that the model does not know; each counts as wrong."""
    unknown_label_examples: dict[str, int] = {}
    """Some of those labels and their counts, at most 20, the first in the order of their bytes."""
    non_finite: int = 0
    """Examples for which the model answered NaN or infinity; each counts as wrong."""
    per_class: tuple[ClassReport, ...] = ()
    confusion_matrix: ConfusionMatrix | None = None
    confusions: tuple[Confusion, ...] = ()
    """The most frequent mistakes, at most 20."""
    comparison: Comparison | None = None
    slices: dict[str, Measurement] = {}
    """`column=value`, or `column=value,column=value` for a cross (see components/metrics/slices.py)."""
    best_scores: tuple[float, ...] = ()
    """The scores of the likeliest class, or the predicted numbers: the least that at least 0, 1, ..., 100 % of the
    examples do not exceed. What a served model's scores are held against."""
    notes: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """The same report gives the same bytes."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    @classmethod
    def load(cls, folder: Path) -> "EvaluationReport":
        return cls.model_validate_json((folder / "metrics.json").read_bytes())
