"""The inner loop: many steps inside one tf.function, the same for every tf.distribute strategy.

After Orbit (tensorflow/models `orbit/controller.py`): the host hands over an iterator and a number of steps and gets
sums back, so it waits for the device once in many steps. Texts of any length share one trace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.tasks import TaskHead
from models.training.accumulation import Rows, accumulated
from models.training.averaging import WeightAverage
from models.training.dataset import Augment
from models.training.layer_rates import LayerRates
from models.training.optimizers import clip, dense
from models.training.strategies import FILLER


@dataclass(frozen=True)
class Sums:
    """What some steps add up to. Sums merge by addition, over loops, replicas and workers.

    Attributes:
        values: float64: number of examples (or of what the task counts), sum of losses, sums of the task's measures.
        broken_step: the first step, counted from 0 within the loop, whose loss was not finite; -1 if there was none.
    """

    values: np.ndarray
    broken_step: int = -1

    def means(self, names: tuple[str, ...], prefix: str = "") -> dict[str, float]:
        """`loss` and the task's measures, by name."""
        count = max(float(self.values[0]), 1.0)
        return {prefix + name: float(v) / count for name, v in zip(("loss", *names), self.values[1:], strict=True)}


class Steps:
    """Training and evaluation steps of one model.

    Args:
        model: from inputs to logits, built in the strategy's scope.
        optimizer: built on its variables; None if it is only evaluated.
        task: loss and measures.
        strategy: where it runs.
        label_smoothing: applied in training only.
        clip_norm: largest global norm of the gradients.
        micro_batch_size: rows of the global batch that go through the network at once; None for all.
        layer_rates: slows each step by layer.
        average: updated after each step.
        augment: changes each replica's part of a batch in training.
        class_weights: by which examples weigh whose labels augmentation mixed; the others' weights come with the batch.
        seed: of the training, and the steps done before the optimizer's first.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        task: TaskHead,
        strategy: tf.distribute.Strategy,
        *,
        label_smoothing: float = 0.0,
        clip_norm: float | None = None,
        micro_batch_size: int | None = None,
        layer_rates: LayerRates | None = None,
        average: WeightAverage | None = None,
        augment: Augment | None = None,
        class_weights: Sequence[float] | None = None,
        seed: tuple[int, int] = (0, 0),
    ) -> None:
        self._model, self._optimizer, self._task, self._strategy = model, optimizer, task, strategy
        self._label_smoothing, self._clip_norm, self._average = label_smoothing, clip_norm, average
        self._augment, self._class_weights, self._seed = augment, class_weights, seed
        self._rows_at_once = None if micro_batch_size is None else micro_batch_size // strategy.num_replicas_in_sync
        self._layer_rates = layer_rates
        self._width = 2 + len(task.measures)
        self._train = tf.function(self._train_loop, autograph=False, reduce_retracing=True)
        self._evaluate = tf.function(self._evaluate_loop, autograph=False, reduce_retracing=True)

    def train(self, iterator: Any, steps: int) -> Sums:
        """Runs `steps` training steps, fewer if a loss is not finite."""
        values, broken = self._train(iterator, tf.constant(steps, tf.int64))
        return Sums(values.numpy(), int(broken))

    def evaluate(self, iterator: Any, steps: int) -> Sums:
        """Runs `steps` batches through the model as it is in inference."""
        return Sums(self._evaluate(iterator, tf.constant(steps, tf.int64)).numpy())

    def _train_loop(self, iterator: Any, steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def body(step: tf.Tensor, broken: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            before = self._layer_rates.positions() if self._layer_rates else []
            sums = self._reduce(self._strategy.run(self._train_step, args=(iterator.get_next(),)))
            if self._layer_rates:
                self._layer_rates.shorten(before)
            if self._average is not None:
                self._average.update(self._optimizer.iterations.value - 1)
            broken = tf.where(tf.math.is_finite(sums[1]), broken, step)
            return step + 1, broken, total + sums

        def more(step: tf.Tensor, broken: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
            return tf.logical_and(step < steps, broken < 0)

        start = (tf.constant(0, tf.int64), tf.constant(-1, tf.int64), tf.zeros((self._width,), tf.float64))
        _, broken, total = tf.while_loop(more, body, start)
        return total, broken

    def _evaluate_loop(self, iterator: Any, steps: tf.Tensor) -> tf.Tensor:
        def body(step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            sums = self._reduce(self._strategy.run(self._evaluate_step, args=(iterator.get_next(),)))
            return step + 1, total + sums

        start = (tf.constant(0, tf.int64), tf.zeros((self._width,), tf.float64))
        return tf.while_loop(lambda step, _: step < steps, body, start)[1]

    def _reduce(self, sums: Any) -> tf.Tensor:
        return tf.cast(self._strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None), tf.float64)

    def _train_step(self, batch: tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """One replica's part of a step. The loss is a mean over the global batch, however it was split."""
        inputs, labels, (counted, weights) = *batch[:2], self._counted(batch)
        replica = tf.distribute.get_replica_context()
        if self._augment is not None:
            inputs, labels = self._augment(inputs, labels, self._step_seed(replica.replica_id_in_sync_group))
        if self._class_weights is not None and labels.shape.rank == 2:
            weights = counted * tf.linalg.matvec(labels, tf.constant(self._class_weights, tf.float32))
        count = tf.reduce_sum(counted)
        everywhere = (
            replica.all_reduce(tf.distribute.ReduceOp.SUM, count) if replica.num_replicas_in_sync > 1 else count
        )
        everywhere = tf.maximum(everywhere, 1.0)  # of a batch that asks for nothing
        gradients, sums = self._gradients(Rows(inputs, labels, counted, weights), everywhere)
        if replica.num_replicas_in_sync > 1:
            gradients = dense(gradients)
        if self._clip_norm is not None:
            gradients = clip(gradients, self._clip_norm, getattr(self._optimizer, "dynamic_scale", None))
        self._optimizer.apply(gradients, self._model.trainable_variables)
        return sums

    def _gradients(self, rows: Rows, everywhere: tf.Tensor) -> tuple[Sequence[Any], tf.Tensor]:
        """One replica's gradients of the mean loss over the `everywhere` examples of a step, and its sums."""
        variables = [variable.value for variable in self._model.trainable_variables]
        replicas = self._strategy.num_replicas_in_sync

        def of(part: Rows, share: tf.Tensor | float) -> tuple[Sequence[Any], tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = tf.cast(self._model(part.inputs, training=True), tf.float32)
                losses = self._task.loss(logits, part.labels, label_smoothing=self._label_smoothing)
                sum_of_losses = tf.reduce_sum(losses * part.weights)
                penalty = tf.add_n(self._model.losses) if self._model.losses else tf.constant(0.0)
                loss = self._optimizer.scale_loss(sum_of_losses / everywhere + penalty * share / replicas)
            penalties = penalty * tf.reduce_sum(part.counted)
            return tape.gradient(loss, variables), self._sums(
                part.counted, sum_of_losses + penalties, logits, part.labels
            )

        if self._rows_at_once is None:
            return of(rows, 1.0)
        return accumulated(of, rows, self._rows_at_once, variables, self._width)

    def _step_seed(self, replica: Any) -> tf.Tensor:
        """A seed that no other step and no other replica has; the same when a step is done again."""
        seed, before = self._seed
        step = tf.cast(self._optimizer.iterations.value, tf.int64) + before
        replicas = self._strategy.num_replicas_in_sync
        return tf.stack([tf.constant(seed, tf.int64), step * replicas + tf.cast(replica, tf.int64)])

    def _evaluate_step(self, batch: tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]) -> tf.Tensor:
        inputs, labels, (counted, weights) = *batch[:2], self._counted(batch)
        logits = tf.cast(self._model(inputs, training=False), tf.float32)
        loss = tf.reduce_sum(self._task.loss(logits, labels) * weights)
        return self._sums(counted, loss, logits, labels)

    def _sums(self, counted: tf.Tensor, loss: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        measures = [tf.reduce_sum(measure * counted) for measure in self._task.measure(logits, labels)]
        return tf.stack([tf.reduce_sum(counted), loss, *measures])

    def _counted(self, batch: tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """How much each example counts, 1 unless the task says otherwise, and the weights by which losses add up, both
        float32 `(batch_size,)`; fillers have 0."""
        _, labels, weights = batch
        is_there, units = tf.not_equal(weights, FILLER), self._task.units(labels)
        counted, weights = tf.cast(is_there, tf.float32), tf.where(is_there, weights, 0.0)
        return (counted, weights) if units is None else (counted * units, weights * units)
