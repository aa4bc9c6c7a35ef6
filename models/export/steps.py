"""The steps that a client of `explain` asks for."""

from typing import Final

import tensorflow as tf

STEPS: Final = "steps"
"""The input of a text's `explain` beside its features."""

MOST_STEPS: Final = 512
"""More steps than that are refused: each is a pass through the network and back."""


def largest(steps: tf.Tensor) -> tf.Tensor:
    """The largest of `(batch_size,)`, or 1 of none, int64 `()`; fails in the graph where one is out of bounds."""
    within = tf.reduce_all((steps >= 1) & (steps <= MOST_STEPS))
    # An op that is used, since a graph drops those whose result nobody asks for.
    checked = tf.debugging.Assert(within, [f"`steps` must be from 1 to {MOST_STEPS}."], summarize=1)
    with tf.control_dependencies([checked] if checked is not None else []):
        return tf.reduce_max(tf.concat([steps, tf.ones((1,), tf.int64)], axis=0))
