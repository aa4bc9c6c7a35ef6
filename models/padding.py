"""From what preprocessing yields to what a network takes: dense tensors, in training and in the export alike."""

from collections.abc import Mapping

import tensorflow as tf


def pad(inputs: Mapping[str, "tf.Tensor | tf.RaggedTensor"], multiple: int = 1) -> dict[str, tf.Tensor]:
    """Pads ragged inputs with zeros to the batch's longest, and to a length of at least 1.

    Recurrent layers and maxima over time have no answer for a length of 0, which a batch of empty texts would have.

    Args:
        inputs: by name.
        multiple: the length is rounded up to one of this number.

    Returns:
        Input name to a dense tensor; a RaggedTensor `(batch_size, None)` becomes `(batch_size, length)`.
    """
    return {
        name: _dense(value, multiple) if isinstance(value, tf.RaggedTensor) else value for name, value in inputs.items()
    }


def _dense(ragged: tf.RaggedTensor, multiple: int) -> tf.Tensor:
    longest = tf.maximum(ragged.bounding_shape(axis=1), 1)
    length = longest if multiple == 1 else -(-longest // multiple) * multiple
    dense = ragged.to_tensor(shape=tf.stack([tf.constant(-1, length.dtype), length]))
    return tf.ensure_shape(dense, (None, None))
