"""Where training runs: the tf.distribute strategy and the precision of arithmetic."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import tensorflow as tf

from schemas.errors import ConfigError


def make_strategy(name: Literal["auto", "none", "mirrored"]) -> tf.distribute.Strategy:
    """The strategy of a name; `auto` mirrors where there are several GPUs.

    Without a GPU, `mirrored` takes every logical CPU device, of which there is one unless somebody split it.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name == "none" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Raises ConfigError unless the global batch can be split evenly over the replicas."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"`training.batch_size` must be a positive multiple of the replica count ({replicas})."
            f" Received: batch_size={batch_size}"
        )


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute in this precision (a Keras dtype policy); variables stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
