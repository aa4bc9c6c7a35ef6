"""Random numbers inside a kernel: each is a hash of its place and of a seed, so none is kept for the way back."""

from typing import Final

import tensorflow as tf

_NUMBERS: Final = 2.0**32


def kept(shape: tf.Tensor, seed: tf.Tensor, rate: tf.Tensor | float) -> tf.Tensor:
    """What dropout leaves, bool: true with the probability `1 - rate`, to within 2^-24.

    Element i is kept where `mix(mix(i) ^ mix(s_0 ^ mix(s_1)))`, a number of 32 bits, is at least `rate * 2^32`.

    Args:
        shape: of the result, with less than 2^31 elements.
        seed: two integers s; another one for each use.
        rate: share that is dropped, float32 in [0, 1).
    """
    first, second = tf.unstack(tf.cast(seed, tf.uint32))
    key = _mix(tf.bitwise.bitwise_xor(first, _mix(second)))
    places = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape)), shape), tf.uint32)
    numbers = _mix(tf.bitwise.bitwise_xor(_mix(places), key))
    return numbers >= tf.cast(tf.cast(rate, tf.float32) * _NUMBERS, tf.uint32)


def _mix(x: tf.Tensor) -> tf.Tensor:
    """A hash of 32 bits to 32 bits, one to one, in which each bit depends on all: the finalizer of MurmurHash3 with the
    constants of C. Wellons' `lowbias32`, which leave less bias."""
    for factor, shift in ((1, 16), (0x7FEB352D, 15), (0x846CA68B, 16)):
        x = x * tf.constant(factor, tf.uint32)
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))
    return x


def dropped(x: tf.Tensor, seed: tf.Tensor, rate: tf.Tensor | float) -> tf.Tensor:
    """`x / (1 - rate)` where it is kept, and zero elsewhere (Srivastava et al. 2014)."""
    return tf.where(kept(tf.shape(x), seed, rate), x / (1.0 - rate), 0.0)
