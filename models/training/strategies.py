"""Where training runs: the tf.distribute strategy and the precision of arithmetic."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import keras
import tensorflow as tf

from schemas.errors import ConfigError

FILLER: Final = -math.inf
"""Weight of an example that is there only so that a replica has one, and that counts for nothing."""


def make_strategy(name: Literal["auto", "none", "mirrored"]) -> tf.distribute.Strategy:
    """The strategy of a name; `auto` mirrors where there are several GPUs.

    Without a GPU, `mirrored` takes every logical CPU device, of which there is one unless somebody split it.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name == "none" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy, *, name: str = "batch_size") -> None:
    """Raises ConfigError unless a global batch can be split evenly over the replicas. `name` is the setting's."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"`training.{name}` must be a positive multiple of the replica count ({replicas})."
            f" Received: {name}={batch_size}"
        )


def distributed(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """A data set of global batches as one that gives each replica its rows of every batch.

    The rows of a batch are cut here, since tf.distribute's own rebatching rewrites `batch` operations, and in length
    buckets that is not where batches come from. Where a batch is smaller than the replicas, those that have no row of
    it get a copy of one, with the weight FILLER: batch normalization has no moments of nothing, and not every kernel
    takes it.

    Args:
        dataset: batches of `(inputs, label, weight)`.
        strategy: whose replicas they are for.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset

    def pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here
        return dataset.flat_map(lambda *batch: _parts(batch, range(first, first + here), replicas)).prefetch(here)

    return strategy.distribute_datasets_from_function(pipeline)


def _parts(batch: Any, places: range, replicas: int) -> tf.data.Dataset:
    """The replicas' parts of a batch, in order."""
    rows = tf.cast(tf.shape(tf.nest.flatten(batch)[0])[0], tf.int64)

    def part(place: tf.Tensor) -> Any:
        begin, end = place * rows // replicas, (place + 1) * rows // replicas
        last = tf.maximum(end, begin + 1)
        inputs, labels, weights = tf.nest.map_structure(lambda value: value[begin:last], batch)
        return inputs, labels, tf.where(end > begin, weights, tf.fill(tf.shape(weights), FILLER))

    return tf.data.Dataset.range(places.start, places.stop).map(part)


def policy_of(precision: str) -> str:
    """The Keras dtype policy of the setting `training.precision`."""
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    native = all(map(_is_bfloat16_of_gpu, gpus)) if gpus else _is_bfloat16_of_processor(Path("/proc/cpuinfo"))
    return "mixed_bfloat16" if native else "float32"


def _is_bfloat16_of_gpu(gpu: tf.config.PhysicalDevice) -> bool:
    """Whether it is of NVIDIA's Ampere generation or later."""
    capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
    return bool(capability >= (8, 0))


def _is_bfloat16_of_processor(told: Path) -> bool:
    """Whether it has AVX512-BF16 or AMX, as Linux tells, and TensorFlow's matrix products (oneDNN's) use them."""
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or not told.exists():
        return False
    flags = next((line for line in told.read_text().splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute in this precision (a Keras dtype policy); variables stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
