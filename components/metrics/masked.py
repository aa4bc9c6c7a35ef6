"""The tally of a pretraining: exact sums over the hidden pieces of texts."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.metrics.names import PRETRAINING
from components.metrics.sums_tally import SumsTally
from schemas.hidden_words import SCORES


class MaskedTally(SumsTally):
    """`masked_accuracy`, the share of hidden pieces that are told, and `perplexity`, e to their mean loss.

    A text is drawn as a whole.
    """

    METRICS = PRETRAINING
    SUMS = len(SCORES)
    OTHERWISE = "no text has a word to hide"

    def terms(self, labels: NDArray[Any], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The SCORES of texts, `(n, 5)`, as they are; there are no labels."""
        return scores

    def metrics(self, sums: list[Fraction]) -> tuple[float, float]:
        accuracy = float(sums[1] / sums[0]) if sums[0] else np.nan
        return accuracy, _perplexity(sums[2], sums[0])

    def baseline(self) -> float:
        """The perplexity of one who only knows how often each piece comes."""
        sums = self._sums.row(0)
        return _perplexity(sums[4], sums[0])


def _perplexity(loss: Fraction, pieces: Fraction) -> float:
    return float(np.exp(float(loss / pieces))) if pieces else np.nan
