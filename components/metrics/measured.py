"""Metrics of a tally, sample and replicates, on their way into the report."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.metrics.bootstrap import centred_interval
from components.metrics.intervals import wilson
from schemas.evaluation import Metric

Rows = NDArray[np.float64]


@dataclass
class Measured:
    """Metric name to its values, row 0 for the sample and the others for replicates.

    `trials` holds the number of trials of the metrics that are plain proportions: these get Wilson's interval.
    `undefined` says why a metric has no value.
    """

    rows: dict[str, Rows] = field(default_factory=dict)
    trials: dict[str, int] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, rows: Rows, *, trials: int | None = None, otherwise: str = "") -> None:
        """Adds a metric; if its value is not finite it is undefined, `otherwise` says why."""
        if not math.isfinite(rows[0]):
            self.undefined[name] = otherwise
            return
        self.rows[name] = rows
        if trials is not None:
            self.trials[name] = trials

    def metrics(self, confidence: float) -> dict[str, Metric]:
        return {name: self._metric(name, confidence) for name in self.rows}

    def differences(self, other: "Measured", confidence: float) -> dict[str, Metric]:
        """This minus the other, with paired bootstrap intervals, for the metrics that both define."""
        shared = [name for name in self.rows if name in other.rows]
        return {name: metric(self.difference(other, name), confidence) for name in shared}

    def difference(self, other: "Measured", name: str) -> Rows:
        """This minus the other in a metric that both define, over as many replicates as both have."""
        rows = min(len(self.rows[name]), len(other.rows[name]))
        return self.rows[name][:rows] - other.rows[name][:rows]

    def _metric(self, name: str, confidence: float) -> Metric:
        rows = self.rows[name]
        if name in self.trials:
            trials = self.trials[name]
            low, high = wilson(float(rows[0]) * trials, trials, confidence)
            return Metric(value=float(rows[0]), low=low, high=high)
        bounds = (-math.inf, 1.0) if name == "r2" else (0.0, math.inf if name in _UNBOUNDED else 1.0)
        return metric(rows, confidence, bounds)


_UNBOUNDED = frozenset({"log_loss", "mse", "rmse", "mae", "perplexity"})


def metric(rows: Rows, confidence: float, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Metric:
    """A metric with its bootstrap interval, cut to the metric's range."""
    interval = centred_interval(rows, confidence)
    if interval is None:
        return Metric(value=float(rows[0]))
    return Metric(value=float(rows[0]), low=max(bounds[0], interval[0]), high=min(bounds[1], interval[1]))


def ratio(numerator: NDArray[np.generic], denominator: NDArray[np.generic], empty: float = math.nan) -> Rows:
    """Element-wise quotient, `empty` where the denominator is zero."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, empty), where=bottom != 0)
