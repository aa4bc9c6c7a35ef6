"""The exponential moving average of the weights, which is what is evaluated and exported where it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf


class WeightAverage:
    """Shadow copies of the trainable variables (Polyak and Juditsky 1992).

    The momentum of step t is at most (1 + t) / (10 + t), as in tf.train.ExponentialMovingAverage, so that a short
    training's average does not remember its random start.

    Args:
        model: a built model. Call this in the strategy's scope.
        momentum: the average's weight in each step, in (0, 1).
    """

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self._strategy = tf.distribute.get_strategy()
        self._momentum = momentum
        self._weights = [variable.value for variable in model.trainable_variables]
        self.shadows = [tf.Variable(weight, trainable=False) for weight in self._weights]

    def update(self, step: tf.Tensor) -> None:
        """Takes a step's weights in; called in the graph, across replicas. `step` counts from 0."""
        step = tf.cast(step, tf.float32)
        momentum = tf.minimum(self._momentum, (1.0 + step) / (10.0 + step))
        for shadow, weight in zip(self.shadows, self._weights, strict=True):
            self._strategy.extended.update(shadow, _blend, args=(weight, momentum), group=False)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The model holds the average inside, and bit for bit the weights it had afterwards."""
        weights = [weight.numpy() for weight in self._weights]
        self.overwrite()
        try:
            yield
        finally:
            for weight, value in zip(self._weights, weights, strict=True):
                weight.assign(value)

    def overwrite(self) -> None:
        """Leaves the average in the model."""
        for weight, shadow in zip(self._weights, self.shadows, strict=True):
            weight.assign(shadow.numpy())


def _blend(shadow: tf.Variable, weight: tf.Tensor, momentum: tf.Tensor) -> None:
    shadow.assign_sub((shadow - weight) * tf.cast(1.0 - momentum, shadow.dtype))
