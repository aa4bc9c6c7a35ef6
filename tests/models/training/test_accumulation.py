"""Gradients of a batch in parts are those of the batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.tasks import Classification
from models.training.optimizers import make_optimizer
from models.training.steps import Steps
from models.training.strategies import FILLER
from schemas.config import TrainingConfig

RANDOM = np.random.default_rng(7)
TOKENS = RANDOM.integers(1, 1000, (11, 6))
LABELS = RANDOM.integers(0, 3, 11)
WEIGHTS = np.array([1, 2, 1, 0.5, 1, FILLER, 1, 3, FILLER, FILLER, 1], np.float32)


def trained(build_network, *, steps: int = 3, **options) -> tuple[list[np.ndarray], np.ndarray]:
    keras.utils.set_random_seed(1)
    model = build_network(dropout=0.0)
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(0.1)  # its penalty counts once a step
    optimizer = make_optimizer(TrainingConfig(optimizer="sgd", learning_rate=0.5), model, 10)
    batches = tf.data.Dataset.from_tensors(({"tokens": TOKENS}, LABELS, WEIGHTS)).repeat()
    task = Classification(["a", "b", "c"])
    made = Steps(model, optimizer, task, tf.distribute.get_strategy(), clip_norm=0.5, **options)
    sums = made.train(iter(batches), steps).values
    return model.get_weights(), sums


@pytest.mark.parametrize("size", [1, 3, 4, 11, 64])
def test_parts_add_up_to_the_batch(build_network, size):
    """Parts in which some, all or no rows are fillers, and a last one that is smaller."""
    whole, sums = trained(build_network)
    parts, sums_of_parts = trained(build_network, micro_batch_size=size)

    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(sums_of_parts, sums, rtol=1e-5)
    assert sums[0] == 3 * 8


def test_only_a_part_is_in_the_network_at_once():
    seen = []

    class Spy(keras.layers.Layer):
        def call(self, x):
            return tf.numpy_function(lambda rows: seen.append(len(rows)) or rows, [x], tf.float32, stateful=True)

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input((2,), name="x")
    model = keras.Model({"x": inputs}, keras.layers.Dense(2)(keras.ops.reshape(Spy()(inputs), (-1, 2))))
    batch = ({"x": np.ones((10, 2), np.float32)}, np.zeros(10, np.int64), np.ones(10, np.float32))
    optimizer = make_optimizer(TrainingConfig(optimizer="sgd"), model, 10)
    steps = Steps(model, optimizer, Classification(["a", "b"]), tf.distribute.get_strategy(), micro_batch_size=4)
    steps.train(iter(tf.data.Dataset.from_tensors(batch)), 1)

    assert seen == [4, 4, 2]
    assert int(optimizer.iterations) == 1
