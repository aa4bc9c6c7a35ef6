"""The Poisson bootstrap: replicates that need no second pass and no random state.

In each replicate every example stands as often as a Poisson(1) variable says (Chamandy et al. 2012, "Estimating
Uncertainty for Massive Data Streams"). The variable comes from a hash of the example's record and the replicate's
number, so it is the same on every worker, in every order and for both models of a comparison, which pairs them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]

_MOST = 12
"""Largest weight; a Poisson(1) variable is larger once in 6e9."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_THRESHOLDS = np.array(
    [int(sum(math.exp(-1) / math.factorial(i) for i in range(k + 1)) * 2**32) for k in range(_MOST)], dtype=np.uint32
)


def poisson_weights(hashes: NDArray[np.uint64], samples: int) -> NDArray[np.uint8]:
    """Weights `(1 + samples, n)` of n examples: ones for the sample itself, then one row a replicate."""
    weights = np.ones((1 + samples, len(hashes)), np.uint8)
    numbers = np.arange(1, samples + 1, dtype=np.uint64)[:, None] * _GOLDEN
    bits = _mix(hashes.astype(np.uint64)[None, :] + numbers)
    weights[1:] = np.searchsorted(_THRESHOLDS, (bits >> np.uint64(32)).astype(np.uint32), side="right")
    return weights


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele et al. 2014): every input bit changes every output bit."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def group_sum(weights: NDArray[np.uint8], groups: Ints, size: int) -> NDArray[np.int64]:
    """Sums of weights `(rows, n)` by group `(n,)` in `[0, size)`: `(rows, size)`."""
    sums = np.zeros((len(weights), size), np.int64)
    if len(groups):
        order = np.argsort(groups, kind="stable")
        present, starts = np.unique(groups[order], return_index=True)
        sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1, dtype=np.int64)
    return sums


def dot(weights: NDArray[np.uint8], values: Ints) -> NDArray[np.int64]:
    """Exact `weights @ values`, `(rows, n) @ (n, ...)`, for integers under 2**32 and n under 2**16."""
    # Products and sums stay under 2**53, so float64 is exact, and BLAS is fast.
    return (weights.astype(np.float64) @ values.astype(np.float64)).astype(np.int64)


def centred_interval(rows: NDArray[np.float64], confidence: float) -> tuple[float, float] | None:
    """Percentile interval of replicates `rows[1:]`, shifted so that their median is the value, `rows[0]`.

    The shift takes out the bootstrap's bias (a calibration error is larger in every replicate than in the sample).
    None where there are no replicates.
    """
    replicates = rows[1:][np.isfinite(rows[1:])]
    if not len(replicates):
        return None
    tail = (1 - confidence) / 2
    low, middle, high = np.quantile(replicates, [tail, 0.5, 1 - tail])
    return float(rows[0] + low - middle), float(rows[0] + high - middle)
