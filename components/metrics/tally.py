"""What every tally can do."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from components.metrics.measured import Measured


class Tally(ABC):
    """Mergeable counts of one model's answers: row 0 for the sample, the others for its bootstrap replicates."""

    examples: int
    non_finite: int
    """Examples that were answered with NaN or infinity."""

    @abstractmethod
    def add(self, labels: NDArray[Any], scores: NDArray[np.float32], weights: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Adds n examples, with weights `(rows, n)` that are ones in row 0; says which the model got right `(n,)`."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Adds a tally of the same shape; associative and commutative."""

    @abstractmethod
    def measure(self) -> Measured:
        """The metrics."""
