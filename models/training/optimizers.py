"""Optimizers, learning-rate schedules, decay and clipping, as the `training:` section says."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models.training.fused_adam import FusedAdam, FusedAdamW
from schemas.config import TrainingConfig

_CLASSES = {
    "adam": FusedAdam,
    "adamw": FusedAdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "nadam": keras.optimizers.Nadam,
}


@keras.saving.register_keras_serializable("trainworks")
class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from zero to `peak` over `warmup_steps`, then stays, or falls to zero at `total_steps`.

    The first step after a warm-up of n has the full rate, the step before it (n - 1) / n of it.

    Args:
        peak: the highest rate.
        decay: `constant`, `linear`, or `cosine` (arXiv:1608.03983, without restarts).
        warmup_steps: steps of the rise.
        total_steps: steps of the whole training.
    """

    def __init__(self, peak: float, decay: str, warmup_steps: int, total_steps: int) -> None:
        self.peak, self.decay, self.warmup_steps, self.total_steps = peak, decay, warmup_steps, total_steps

    def __call__(self, step: Any) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, step / max(self.warmup_steps, 1)) if self.warmup_steps else tf.constant(1.0)
        span = max(self.total_steps - self.warmup_steps, 1)
        gone = tf.clip_by_value((step - self.warmup_steps) / span, 0.0, 1.0)
        fall = {"constant": 1.0, "linear": 1.0 - gone, "cosine": 0.5 * (1.0 + tf.cos(math.pi * gone))}[self.decay]
        return self.peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "decay": self.decay,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }


def make_schedule(config: TrainingConfig, total_steps: int) -> "float | WarmupThenDecay":
    """The learning rate; a plain number where it never changes, so that callbacks may change it."""
    warmup = round(config.warmup_steps * total_steps) if config.warmup_steps < 1 else int(config.warmup_steps)
    if config.learning_rate_schedule == "constant" and not warmup:
        return config.learning_rate
    return WarmupThenDecay(config.learning_rate, config.learning_rate_schedule, warmup, total_steps)


def make_optimizer(config: TrainingConfig, model: keras.Model, total_steps: int) -> keras.optimizers.Optimizer:
    """The optimizer, built on the model's variables; with loss scaling for float16. Call it in the strategy's scope."""
    without_decay = 0.0 if config.optimizer == "adamw" else None  # AdamW takes no None
    optimizer = _CLASSES[config.optimizer](
        learning_rate=make_schedule(config, total_steps),
        weight_decay=config.decay or without_decay,
        **({"momentum": config.momentum} if config.takes_momentum else {}),
    )
    if config.decay:
        optimizer.exclude_from_weight_decay(var_list=undecayed(model))
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def undecayed(model: keras.Model) -> list[keras.Variable]:
    """Variables that weight decay must leave alone: biases, embeddings (KerasHub's of positions, too) and the scales of
    norms."""
    found = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer._trainable_variables:
            if len(variable.shape) < 2 or variable.name in ("bias", "embeddings"):
                found[id(variable)] = variable
    return list(found.values())


def clip(gradients: Sequence[Any], norm: float, scale: Any = None) -> list[Any]:
    """Gradients whose global norm (arXiv:1211.5063) is at most `norm`.

    Under a strategy with several replicas this sums them over the replicas first; what comes back is a replica's
    equal share, since Keras' optimizers sum once more.

    Args:
        gradients: tensors, None, or with one replica IndexedSlices.
        norm: the largest norm.
        scale: factor by which the loss was scaled, if it was.
    """
    present = [_unique_slices(gradient) for gradient in gradients if gradient is not None]
    replica = tf.distribute.get_replica_context()
    replicas = replica.num_replicas_in_sync
    if replicas > 1:
        present = replica.all_reduce(tf.distribute.ReduceOp.SUM, present)
    clipped, _ = tf.clip_by_global_norm(present, norm if scale is None else norm * scale)
    shares = iter([gradient / replicas for gradient in clipped] if replicas > 1 else clipped)
    return [None if gradient is None else next(shares) for gradient in gradients]


def dense(gradients: Sequence[Any]) -> list[Any]:
    """Gradients without IndexedSlices, for replicas to sum.

    TensorFlow gathers the slices of all replicas by a collective operation whose shape must stay the same for all steps
    of one tf.function call ("Shape mismatch in the collective instance"); the number of rows changes with every batch.
    """
    return [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]


def _unique_slices(gradient: Any) -> Any:
    """Slices of the same row added up: a row that stands there twice would count wrongly in the norm."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
