"""Facts that a family needs from the whole training split, as mergeable accumulators.

An analyzer is what Beam calls a combiner, free of Beam: `components/transforms/analysis.py` runs it there. Batches are
what preprocessing sees too: feature name to a tensor of raw values of shape `(batch_size,)`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    Fact = list[str] | int | float | np.ndarray
    Facts = Mapping[str, Fact]
    RawBatch = Mapping[str, tf.Tensor]
else:
    Fact = Facts = RawBatch = Any

AccumulatorT = TypeVar("AccumulatorT")


class Analyzer(ABC, Generic[AccumulatorT]):
    """One accumulator. Accumulators must be small (bounded, whatever the number of examples) and picklable by Beam."""

    @abstractmethod
    def create(self) -> AccumulatorT:
        """An empty accumulator."""

    @abstractmethod
    def add(self, accumulator: AccumulatorT, batch: RawBatch) -> AccumulatorT:
        """The accumulator with a batch of raw features added; may change its argument."""

    @abstractmethod
    def merge(self, accumulators: Iterable[AccumulatorT]) -> AccumulatorT:
        """One accumulator for all; associative and commutative, so that every sharding gives the same facts."""

    @abstractmethod
    def extract(self, accumulator: AccumulatorT) -> "Facts":
        """Facts by name. Names must differ between the analyzers of a family."""
