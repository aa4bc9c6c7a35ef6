"""A tally whose metrics all come of exact sums over examples."""

from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from components.metrics.exact import ExactSums
from components.metrics.measured import Measured
from components.metrics.tally import Tally


class SumsTally(Tally):
    """Sums over examples, `rows` times: the sample and its bootstrap replicates.

    An example for which the model answers NaN or infinity is counted, and makes every metric undefined.
    """

    METRICS: ClassVar[Sequence[str]]
    SUMS: ClassVar[int]
    """How many sums there are."""
    OTHERWISE: ClassVar[str]
    """Why a metric is undefined where its sums do not allow it."""

    def __init__(self, rows: int) -> None:
        self.examples = 0
        self.non_finite = 0
        self._rows = rows
        self._sums = ExactSums(rows, self.SUMS)

    @abstractmethod
    def terms(self, labels: NDArray[Any], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """What n examples with finite scores add to the sums, `(n, SUMS)`."""

    @abstractmethod
    def metrics(self, sums: list[Fraction]) -> Sequence[float]:
        """METRICS of one row of sums; NaN for what they do not allow."""

    def add(self, labels: NDArray[Any], scores: NDArray[np.float32], weights: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Adds n examples; none is right or wrong as a whole."""
        self.examples += len(scores)
        finite = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
        self.non_finite += int(np.count_nonzero(~finite))
        known = labels[finite] if len(labels) else labels
        self._sums.add(weights[:, finite], self.terms(known, scores[finite].astype(np.float64)))
        return np.zeros(len(scores), np.bool_)

    def merge(self, other: Self) -> None:
        self.examples += other.examples
        self.non_finite += other.non_finite
        self._sums.merge(other._sums)

    def measure(self) -> Measured:
        measured = Measured()
        if self.non_finite:
            reason = f"the model answers NaN or infinity for {self.non_finite} examples"
            measured.undefined = dict.fromkeys(self.METRICS, reason)
            return measured
        values = np.array([self.metrics(self._sums.row(row)) for row in range(self._rows)])
        for name, rows in zip(self.METRICS, values.T, strict=True):
            measured.add(name, rows, otherwise=self.OTHERWISE)
        return measured
