"""The tally of a regressor: exact sums of errors and labels."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.metrics.sums_tally import SumsTally


class RegressionTally(SumsTally):
    """`mse`, `rmse`, `mae` and `r2`, which is undefined where all labels are equal."""

    METRICS = ("mse", "rmse", "mae", "r2")
    SUMS = 5
    OTHERWISE = "all labels are equal"

    def terms(self, labels: NDArray[Any], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of labels `(n,)` and predictions `(n,)`: counts, squared and absolute errors, labels and their squares."""
        label = labels.astype(np.float64)
        error = scores - label
        return np.stack([np.ones_like(label), error**2, np.abs(error), label, label**2], axis=1)

    def metrics(self, sums: list[Fraction]) -> tuple[float, float, float, float]:
        """The variance is a difference of large sums, hence the exact fractions."""
        count, squares, absolutes, labels, squared_labels = sums
        if not count:
            return (np.nan,) * 4
        mse, mae = float(squares / count), float(absolutes / count)
        variation = squared_labels - labels * labels / count
        return mse, mse**0.5, mae, float(1 - squares / variation) if variation else np.nan
