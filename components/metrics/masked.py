"""The tally of a pretraining: exact sums over the hidden pieces of texts.

A text for which the model answers NaN or infinity is counted, and makes every metric undefined.
"""

from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from components.metrics.exact import ExactSums
from components.metrics.measured import Measured
from components.metrics.names import PRETRAINING
from components.metrics.tally import Tally
from schemas.hidden_words import SCORES


class MaskedTally(Tally):
    """Sums over texts, `rows` times: the sample and its bootstrap replicates. A text is drawn as a whole."""

    def __init__(self, rows: int) -> None:
        self.examples = 0
        self.non_finite = 0
        self._rows = rows
        self._sums = ExactSums(rows, len(SCORES))

    def add(self, labels: NDArray[Any], scores: NDArray[np.float32], weights: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Adds texts with SCORES `(n, 5)`; there are no labels, and no text is right or wrong as a whole."""
        self.examples += len(scores)
        finite = np.isfinite(scores).all(axis=1)
        self.non_finite += int(np.count_nonzero(~finite))
        self._sums.add(weights[:, finite], scores[finite].astype(np.float64))
        return np.zeros(len(scores), np.bool_)

    def merge(self, other: Self) -> None:
        self.examples += other.examples
        self.non_finite += other.non_finite
        self._sums.merge(other._sums)

    def measure(self) -> Measured:
        """`masked_accuracy`, the share of hidden pieces that are told, and `perplexity`, e to their mean loss."""
        measured = Measured()
        if self.non_finite:
            reason = f"the model answers NaN or infinity for {self.non_finite} examples"
            measured.undefined = dict.fromkeys(PRETRAINING, reason)
            return measured
        values = np.array([_metrics(self._sums.row(row)) for row in range(self._rows)])
        for name, rows in zip(PRETRAINING, values.T, strict=True):
            measured.add(name, rows, otherwise="no text has a word to hide")
        return measured

    def baseline(self) -> float:
        """The perplexity of one who only knows how often each piece comes."""
        sums = self._sums.row(0)
        return _perplexity(sums[4], sums[0])


def _metrics(sums: list[Fraction]) -> tuple[float, float]:
    accuracy = float(sums[1] / sums[0]) if sums[0] else np.nan
    return accuracy, _perplexity(sums[2], sums[0])


def _perplexity(loss: Fraction, pieces: Fraction) -> float:
    return float(np.exp(float(loss / pieces))) if pieces else np.nan
