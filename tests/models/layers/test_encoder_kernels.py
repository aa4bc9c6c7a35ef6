"""Against the same formulas in NumPy and in TensorFlow's single operations."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.layers.encoder_kernels import added_and_normalized, attention_weights, biased_gelu
from models.layers.random_bits import kept

SEED = tf.constant([3, 4], tf.int64)
RANDOM = np.random.default_rng(1)


def numbers(*shape: int) -> tf.Tensor:
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


def gradients(function: Callable[..., tf.Tensor], inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    found: list[tf.Tensor] = tape.gradient(output, inputs, tf.cos(tf.cast(output, tf.float32)))
    return [output, *found]


def alike(found: Sequence[tf.Tensor], expected: Sequence[tf.Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5, rtol=1e-5)


def test_gelu() -> None:
    inputs = [numbers(6, 5), numbers(5)]
    alike(gradients(biased_gelu, inputs), gradients(lambda x, b: keras.activations.gelu(x + b, False), inputs))


def test_gelu_of_bfloat16_is_computed_in_float32() -> None:
    x, bias = tf.cast(numbers(60, 5), tf.bfloat16), tf.cast(numbers(5), tf.bfloat16)
    wide = keras.activations.gelu(tf.cast(x, tf.float32) + tf.cast(bias, tf.float32), approximate=False)
    found = biased_gelu(x, bias)
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, tf.float32), wide, rtol=2**-8, atol=1e-6)


def test_a_change_is_dropped_in_part_and_the_sum_normalized() -> None:
    inputs = [numbers(6, 8), numbers(6, 8), numbers(8), numbers(8), numbers(8)]
    factors = np.asarray(kept(tf.constant([6, 8]), SEED, 0.5)) * 2.0
    assert set(factors.reshape(-1)) == {0.0, 2.0}

    def single(words: tf.Tensor, change: tf.Tensor, bias: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        x = words + (change + bias) * factors
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-3) * gamma + beta

    found = gradients(
        lambda *given: added_and_normalized(*given, seed=SEED, rate=tf.constant(0.5), epsilon=1e-3), inputs
    )
    alike(found, gradients(single, inputs))


def test_attention_is_masked_and_dropped_in_part() -> None:
    scores, mask = [numbers(3, 3, 4, 4)], tf.constant([[True] * 4, [True, True, False, False], [False] * 4])
    factors = np.asarray(kept(tf.constant([3, 3, 4, 4]), SEED, 0.5)) * 2.0
    assert set(factors.reshape(-1)) == {0.0, 2.0}

    def single(x: tf.Tensor) -> tf.Tensor:
        there = mask[:, None, None, :]
        return tf.where(there, tf.nn.softmax(tf.where(there, x * 0.3, -1e9)), 0.0) * factors

    found = gradients(lambda x: attention_weights(x, mask, seed=SEED, rate=tf.constant(0.5), scale=0.3), scores)
    alike(found, gradients(single, scores))
    assert not np.asarray(found[0])[1, ..., 2:].any() and not np.asarray(found[1])[1, ..., 2:].any()
    assert not np.asarray(found[0])[2].any()
