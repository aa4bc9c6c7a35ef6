"""What an evaluation accumulates: tallies of the candidate and the champion, overall and by slice."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.metrics.bootstrap import Ints, poisson_weights
from components.metrics.classification import ClassificationTally
from components.metrics.localization import LocalizationTally
from components.metrics.masked import MaskedTally
from components.metrics.multi_label import MultiLabelTally
from components.metrics.regression import RegressionTally
from components.metrics.tally import Tally
from components.transforms.statistics.numbers import Distribution
from schemas.config import Task

SCORE_DIGITS = 4
"""Decimals of scores that are compared: in a batch of another size the last bits may differ, even those of a 1."""

_MOST_UNKNOWN_LABELS = 20
_MOST_CLASSES_WITH_REPLICATES = 100
"""Slices of more classes have no bootstrap intervals, so that memory is bounded."""


@dataclass(frozen=True)
class TallySettings:
    """What decides the shape of the tallies; class counts are 0 where there are no classes."""

    task: Task
    classes: int
    champion_classes: int | None
    top_k: tuple[int, ...]
    bootstrap_samples: int


@dataclass(frozen=True)
class Answers:
    """One model's answers to n examples.

    `labels` are class indices `(n,)` in the model's own order; these and boxes, `(n, 5)`; 1 for each class that an
    example has and last how many labels the model does not know, `(n, classes + 1)`; or float32 values `(n,)`. `scores`
    are probabilities `(n, classes)`, these and boxes `(n, classes + 4)`, predictions `(n,)`, or what is said of hidden
    pieces `(n, 5)`, float32.
    """

    labels: Ints | NDArray[np.float32] | NDArray[np.float64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class ScoredExamples:
    """A chunk of examples with both models' answers; `slices` gives the rows of each slice."""

    hashes: NDArray[np.uint64]
    candidate: Answers
    champion: Answers | None
    unknown_labels: Mapping[bytes, int]
    slices: Mapping[str, NDArray[np.int64]]


class PairTally:
    """The candidate's tally, the champion's on the same examples, and what only one of them got right."""

    def __init__(self, settings: TallySettings, *, detailed: bool) -> None:
        few = max(settings.classes, settings.champion_classes or 0) <= _MOST_CLASSES_WITH_REPLICATES
        self.rows = 1 + (settings.bootstrap_samples if detailed or few else 0)
        self.candidate = self._tally(settings, settings.classes, detailed)
        champion = settings.champion_classes
        self.champion = None if champion is None else self._tally(settings, champion, detailed)
        self.candidate_only = 0
        self.champion_only = 0

    def add(self, candidate: Answers, champion: Answers | None, weights: NDArray[np.uint8]) -> None:
        """Adds examples; weights `(1 + samples, n)`, of which the first `rows` count."""
        weights = weights[: self.rows]
        right = self.candidate.add(candidate.labels, candidate.scores, weights)
        if self.champion is not None and champion is not None:
            champion_right = self.champion.add(champion.labels, champion.scores, weights)
            self.candidate_only += int(np.count_nonzero(right & ~champion_right))
            self.champion_only += int(np.count_nonzero(champion_right & ~right))

    def merge(self, other: "PairTally") -> None:
        self.candidate.merge(other.candidate)
        if self.champion is not None and other.champion is not None:
            self.champion.merge(other.champion)
        self.candidate_only += other.candidate_only
        self.champion_only += other.champion_only

    def _tally(self, settings: TallySettings, classes: int, detailed: bool) -> Tally:
        if settings.task == "regression":
            return RegressionTally(self.rows)
        if settings.task == "pretraining":
            return MaskedTally(self.rows)
        if settings.task == "multi-label":
            return MultiLabelTally(classes, self.rows, detailed=detailed)
        if settings.task == "localization":
            return LocalizationTally(classes, self.rows, settings.top_k, detailed=detailed)
        return ClassificationTally(classes, self.rows, settings.top_k, detailed=detailed)


@dataclass
class Accumulator:
    """Everything, mergeable in any order."""

    settings: TallySettings
    overall: PairTally
    slices: dict[str, PairTally] = field(default_factory=dict)
    unknown_labels: dict[bytes, int] = field(default_factory=dict)
    best_scores: Distribution = field(default_factory=Distribution)
    """The candidate's score of its likeliest class, or its number, by example; nothing of hidden words."""

    @classmethod
    def empty(cls, settings: TallySettings) -> "Accumulator":
        return cls(settings, PairTally(settings, detailed=True))

    def add(self, scored: ScoredExamples) -> None:
        weights = poisson_weights(scored.hashes, self.settings.bootstrap_samples)
        self.overall.add(scored.candidate, scored.champion, weights)
        self._count_unknown(scored.unknown_labels)
        self.best_scores.add(_finite(self._best(scored.candidate.scores)))
        for key, rows in scored.slices.items():
            champion = scored.champion and _take(scored.champion, rows)
            self._slice(key).add(_take(scored.candidate, rows), champion, weights[:, rows])

    def merge(self, other: "Accumulator") -> None:
        self.overall.merge(other.overall)
        self._count_unknown(other.unknown_labels)
        self.best_scores.merge(other.best_scores)
        for key, tally in other.slices.items():
            self._slice(key).merge(tally)

    def _best(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.settings.task == "regression":
            return scores
        if self.settings.task == "pretraining":
            return scores[:0, 0]
        return np.round(scores[:, : self.settings.classes].max(axis=1), SCORE_DIGITS)

    def _slice(self, key: str) -> PairTally:
        if key not in self.slices:
            self.slices[key] = PairTally(self.settings, detailed=False)
        return self.slices[key]

    def _count_unknown(self, labels: Mapping[bytes, int]) -> None:
        """Keeps the first few labels in order: a label among them is so in every part, so its count is exact."""
        for label, count in labels.items():
            self.unknown_labels[label] = self.unknown_labels.get(label, 0) + count
        self.unknown_labels = dict(sorted(self.unknown_labels.items())[:_MOST_UNKNOWN_LABELS])


def _finite(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values[np.isfinite(values)].astype(np.float64)


def _take(answers: Answers, rows: NDArray[np.int64]) -> Answers:
    return Answers(answers.labels[rows], answers.scores[rows])
