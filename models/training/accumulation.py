"""Gradients of a batch that goes through the network in parts, so that memory is that of one part."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class Rows(NamedTuple):
    """Examples of a training step.

    Attributes:
        inputs: model inputs by name, each `(batch_size, ...)`.
        labels: `(batch_size, ...)`.
        counted: 1 for each example that counts, 0 for fillers; float32 `(batch_size,)`.
        weights: of their losses, float32 `(batch_size,)`.
    """

    inputs: dict[str, tf.Tensor]
    labels: tf.Tensor
    counted: tf.Tensor
    weights: tf.Tensor


Gradients = Callable[[Rows, tf.Tensor], tuple[Sequence[Any], tf.Tensor]]
"""From rows and the share of the step that they are, float32, to gradients and sums, both of which add up."""


def accumulated(
    gradients: Gradients, rows: Rows, size: int, variables: Sequence[tf.Variable], width: int
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Gradients and sums of all rows, part by part, one at a time.

    Args:
        gradients: of some rows.
        rows: all of them.
        size: rows of a part; the last may be smaller.
        variables: what the gradients are for; they come back dense, and zero where there was none.
        width: length of the sums.
    """
    count = tf.shape(rows.weights)[0]

    def body(start: tf.Tensor, total: list[tf.Tensor], sums: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
        end = tf.minimum(start + size, count)
        part = tf.nest.map_structure(lambda tensor: tensor[start:end], rows)
        share = tf.cast(end - start, tf.float32) / tf.cast(count, tf.float32)
        found, added = gradients(part, share)
        return end, [old if new is None else old + new for old, new in zip(total, found, strict=True)], sums + added

    first = (tf.constant(0), [tf.zeros(v.shape, v.dtype) for v in variables], tf.zeros((width,), tf.float32))
    _, total, sums = tf.while_loop(lambda start, *_: start < count, body, first, parallel_iterations=1)
    return total, sums
