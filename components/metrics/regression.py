"""The tally of a regressor: exact sums of errors and labels.

An example for which the model answers NaN or infinity is counted, and makes every metric undefined.
"""

from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from components.metrics.exact import ExactSums
from components.metrics.measured import Measured
from components.metrics.tally import Tally


class RegressionTally(Tally):
    """Sums over examples, `rows` times: the sample and its bootstrap replicates."""

    def __init__(self, rows: int) -> None:
        self.examples = 0
        self.non_finite = 0
        self._rows = rows
        self._sums = ExactSums(rows, 5)

    def add(self, labels: NDArray[Any], scores: NDArray[np.float32], weights: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Adds examples with finite labels `(n,)` and predictions `(n,)`; none is called right."""
        self.examples += len(labels)
        finite = np.isfinite(scores)
        self.non_finite += int(np.count_nonzero(~finite))
        label = labels[finite].astype(np.float64)
        error = scores[finite].astype(np.float64) - label
        terms = np.stack([np.ones_like(label), error**2, np.abs(error), label, label**2], axis=1)
        self._sums.add(weights[:, finite], terms)
        return np.zeros(len(labels), np.bool_)

    def merge(self, other: Self) -> None:
        self.examples += other.examples
        self.non_finite += other.non_finite
        self._sums.merge(other._sums)

    def measure(self) -> Measured:
        """`mse`, `rmse`, `mae` and `r2`, which is undefined where all labels are equal."""
        measured = Measured()
        if self.non_finite:
            reason = f"the model answers NaN or infinity for {self.non_finite} examples"
            measured.undefined = dict.fromkeys(("mse", "rmse", "mae", "r2"), reason)
            return measured
        values = np.array([_metrics(self._sums.row(row)) for row in range(self._rows)])
        for name, rows in zip(("mse", "rmse", "mae", "r2"), values.T, strict=True):
            measured.add(name, rows, otherwise="all labels are equal")
        return measured


def _metrics(sums: list[Fraction]) -> tuple[float, float, float, float]:
    """Metrics of one row of sums. The variance is a difference of large sums, hence the exact fractions."""
    count, squares, absolutes, labels, squared_labels = sums
    if not count:
        return (np.nan,) * 4
    mse, mae = float(squares / count), float(absolutes / count)
    variation = squared_labels - labels * labels / count
    return mse, mse**0.5, mae, float(1 - squares / variation) if variation else np.nan
