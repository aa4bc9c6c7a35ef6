"""Facts that a family needs from the whole training split, as mergeable accumulators.

An analyzer is what Beam calls a combiner, free of Beam: `components/transforms/analysis.py` runs it there. It works in
two halves: `prepare` is TensorFlow and runs on whole batches on its threads, `add` folds the results in Python.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    RawBatch = Mapping[str, tf.Tensor]

Facts = Mapping[str, Any]
"""What is known of the training split, by name; each a `list[str]`, `int`, `float` or `np.ndarray`."""

AccumulatorT = TypeVar("AccumulatorT")


class Analyzer(ABC, Generic[AccumulatorT]):
    """One accumulator. Accumulators must be small (bounded, whatever the number of examples) and picklable by Beam."""

    @abstractmethod
    def create(self) -> AccumulatorT:
        """An empty accumulator."""

    @abstractmethod
    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        """A batch of raw features, name to a tensor `(batch_size,)`, reduced in the graph to what `add` takes."""

    @abstractmethod
    def add(self, accumulator: AccumulatorT, prepared: "Mapping[str, Any]") -> AccumulatorT:
        """The accumulator with a prepared batch added; may change its argument.

        Args:
            accumulator: what was added so far.
            prepared: what `prepare` gave: numbers as numpy arrays, strings as tensors still, since making Python
                objects of them costs more than most that is done with them.
        """

    @abstractmethod
    def merge(self, accumulators: Iterable[AccumulatorT]) -> AccumulatorT:
        """One accumulator for all; associative and commutative, so that every sharding gives the same facts."""

    def dump(self, accumulator: AccumulatorT) -> "Mapping[str, np.ndarray] | None":
        """Arrays that stand for an accumulator, none of them of objects; None unless the analyzer has a say in it.

        With them, what was found of a file is kept between runs: if it depends on the family's hyperparameters and the
        batches alone, which a family's other files must not decide.
        """
        return None

    def load(self, arrays: "Mapping[str, np.ndarray]") -> AccumulatorT:
        """The accumulator that `dump` gave these arrays of; it is merged and extracted, and nothing is added to it."""
        raise NotImplementedError(f"{type(self).__name__} dumps no accumulator")

    @abstractmethod
    def extract(self, accumulator: AccumulatorT) -> Facts:
        """Facts by name. Names must differ between the analyzers of a family."""
