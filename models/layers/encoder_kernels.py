"""What an encoder layer does between its products of matrices, compiled by XLA: one pass forward and one backward.

TensorFlow runs a formula operation by operation, each of which reads and writes a tensor. All here is computed in
float32 and answered in the dtype of what comes first. XLA compiles for each shape that comes, once for all layers of a
network, in about a second for an encoder: batches should have few different lengths.
"""

from collections.abc import Callable
from functools import partial
from math import pi, sqrt
from typing import Any, Final

import tensorflow as tf

from models.layers.random_bits import dropped

_kernel: Final = partial(tf.function, autograph=False, jit_compile=True)

_MASKED: Final = -1e9
"""The score of what is not there."""

Gradient = Callable[[tf.Tensor], Any]
"""Of what comes out, to those of what came in."""


def kernels_pay() -> bool:
    """Whether they are for this machine: processors, and one replica. (XLA for GPUs wants CUDA's own tools.)"""
    one = tf.distribute.get_strategy().num_replicas_in_sync == 1
    return one and not tf.config.list_physical_devices("GPU")


@tf.custom_gradient
def biased_gelu(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """The exact GELU of `z = x + bias` (Hendrycks and Gimpel, arXiv:1606.08415), and its derivative:

        y = z Phi(z),   dy/dz = Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi),   Phi(z) = (1 + erf(z / sqrt(2))) / 2

    Args:
        x: `(rows, width)`.
        bias: `(width,)`.
    """
    return _gelu(x, bias), lambda upstream: _gelu_gradient(x, bias, upstream)


@_kernel
def _gelu(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    z = _wide(x) + _wide(bias)
    return tf.cast(z * _normal_cdf(z), x.dtype)


@_kernel
def _gelu_gradient(x: tf.Tensor, bias: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    z = _wide(x) + _wide(bias)
    of_z = _wide(upstream) * (_normal_cdf(z) + z * tf.exp(-0.5 * z * z) / sqrt(2.0 * pi))
    return tf.cast(of_z, x.dtype), tf.cast(tf.reduce_sum(of_z, axis=0), bias.dtype)


def _normal_cdf(z: tf.Tensor) -> tf.Tensor:
    return 0.5 * (1.0 + tf.math.erf(z / sqrt(2.0)))


def added_and_normalized(
    words: tf.Tensor,
    change: tf.Tensor,
    bias: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    *,
    seed: tf.Tensor,
    rate: tf.Tensor,
    epsilon: float,
) -> tf.Tensor:
    """`LayerNorm(words + dropout(change + bias))` (Ba et al., arXiv:1607.06450), over the last axis.

    With x the sum, m and v its mean and variance, `r = 1 / sqrt(v + epsilon)`, `n = (x - m) r` and G the gradient of
    what comes out, `n gamma + beta`, that of x is `r (G gamma - mean(G gamma) - n mean(G gamma n))`.

    Args:
        words: `(rows, width)`.
        change: `(rows, width)`.
        bias: of the change, `(width,)`.
        gamma: the norm's scale, float32 `(width,)`.
        beta: its shift, float32 `(width,)`.
        seed: of the dropout, two integers.
        rate: share of the change that is dropped, float32; a tensor, so that inference is no other kernel.
        epsilon: added to the variance.
    """

    @tf.custom_gradient
    def run(*inputs: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        output, normal, scale = _norm(*inputs, seed=seed, rate=rate, epsilon=epsilon)
        *_, bias, gamma, _ = inputs
        return output, lambda upstream: _norm_gradient(normal, scale, bias, gamma, upstream, seed=seed, rate=rate)

    return run(*map(tf.convert_to_tensor, (words, change, bias, gamma, beta)))  # of variables


@_kernel
def _norm(
    *inputs: tf.Tensor, seed: tf.Tensor, rate: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What comes out, n and r."""
    words, change, bias, gamma, beta = inputs
    x = _wide(words) + dropped(_wide(change) + _wide(bias), seed, rate)
    x -= tf.reduce_mean(x, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + epsilon)
    normal = x * scale
    return tf.cast(normal * gamma + beta, words.dtype), tf.cast(normal, words.dtype), scale


@_kernel
def _norm_gradient(
    normal: tf.Tensor,
    scale: tf.Tensor,
    bias: tf.Tensor,
    gamma: tf.Tensor,
    upstream: tf.Tensor,
    *,
    seed: tf.Tensor,
    rate: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Of words, change, bias, gamma and beta."""
    wide, of_output = _wide(normal), _wide(upstream)
    of_normal = of_output * gamma
    means = (tf.reduce_mean(x, axis=-1, keepdims=True) for x in (of_normal, of_normal * wide))
    of_words = scale * (of_normal - next(means) - wide * next(means))
    of_change = dropped(of_words, seed, rate)
    return (
        tf.cast(of_words, normal.dtype),
        tf.cast(of_change, normal.dtype),
        tf.cast(tf.reduce_sum(of_change, axis=0), bias.dtype),
        tf.reduce_sum(of_output * wide, axis=0),
        tf.reduce_sum(of_output, axis=0),
    )


def attention_weights(
    scores: tf.Tensor, mask: tf.Tensor, *, seed: tf.Tensor, rate: tf.Tensor, scale: float
) -> tf.Tensor:
    """`dropout(softmax(scale * scores))`, over the words that there are; where there are none, zeros.

    With P the softmax, which is TensorFlow's own kernel, D the dropout's factors and G the gradient of what comes out,
    that of the scores is `scale P (G D - sum(G D P))`.

    Args:
        scores: `(batch_size, heads, length, length)`.
        mask: `(batch_size, length)`, true where there is a word.
        seed: of the dropout, two integers.
        rate: share of the weights that is dropped, float32.
        scale: of the scores.
    """

    @tf.custom_gradient
    def run(scores: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        weights = tf.nn.softmax(tf.ensure_shape(_masked(scores, mask, scale=scale), scores.shape))
        kept, left = _dropout(weights, mask, seed=seed, rate=rate, dtype=scores.dtype)
        return left, lambda upstream: _scores_gradient(kept, upstream, seed=seed, rate=rate, scale=scale)

    return run(scores)


@_kernel
def _masked(scores: tf.Tensor, mask: tf.Tensor, *, scale: float) -> tf.Tensor:
    return tf.where(mask[:, None, None, :], _wide(scores) * scale, _MASKED)


@_kernel
def _dropout(
    weights: tf.Tensor, mask: tf.Tensor, *, seed: tf.Tensor, rate: tf.Tensor, dtype: tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    """The weights, and what dropout leaves of them."""
    weights = tf.where(mask[:, None, None, :], weights, 0.0)
    return tf.cast(weights, dtype), tf.cast(dropped(weights, seed, rate), dtype)


@_kernel
def _scores_gradient(
    weights: tf.Tensor, upstream: tf.Tensor, *, seed: tf.Tensor, rate: tf.Tensor, scale: float
) -> tf.Tensor:
    wide, of_weights = _wide(weights), dropped(_wide(upstream), seed, rate)
    mean = tf.reduce_sum(of_weights * wide, axis=-1, keepdims=True)
    return tf.cast(wide * (of_weights - mean) * scale, weights.dtype)


def _wide(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32)
