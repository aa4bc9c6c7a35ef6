"""Words that are hidden, told from the words around them: what an encoder learns from texts alone."""

from typing import Final

import tensorflow as tf

from models.tasks.head import TaskHead
from schemas.hidden_words import SCORES

_COUNTS: Final = frozenset({"masked_tokens", "masked_correct", "unigram_correct"})


class Pretraining(TaskHead):
    """Each hidden piece for itself, by softmax and cross entropy over all pieces.

    An example weighs as much as it has hidden pieces, so that loss and measures are means over these.

    Args:
        pieces: how many there are. Labels are their ids, int64 `(batch_size, hidden)`, 0 after the last of an example;
            logits are `(batch_size, hidden, pieces)`.
    """

    measures = ("masked_accuracy",)
    verb = None

    def __init__(self, pieces: int) -> None:
        self.outputs = pieces

    def units(self, labels: tf.Tensor) -> tf.Tensor:
        """Hidden pieces."""
        return tf.reduce_sum(_there(labels), axis=1)

    def loss(self, logits: tf.Tensor, labels: tf.Tensor, *, label_smoothing: float = 0.0) -> tf.Tensor:
        """The mean over an example's hidden pieces; 0 where there is none. There is nothing to smooth."""
        return self._mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), labels)

    def measure(self, logits: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """The share of an example's hidden pieces that are told."""
        return [self._mean(tf.cast(tf.equal(tf.argmax(logits, axis=-1), labels), tf.float32), labels)]

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """SCORES, each `(batch_size,)`: counts int64, sums float32.

        Args:
            logits: what an exported encoder says: these, and then a vector; float32 `(batch_size, ...)`.
        """
        columns = zip(SCORES, tf.unstack(logits[:, : len(SCORES)], num=len(SCORES), axis=1), strict=True)
        return {name: tf.cast(tf.round(v), tf.int64) if name in _COUNTS else v for name, v in columns}

    def _mean(self, values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.math.divide_no_nan(tf.reduce_sum(values * _there(labels), axis=1), self.units(labels))


def _there(labels: tf.Tensor) -> tf.Tensor:
    """1 for a hidden piece, 0 for none, float32."""
    return tf.cast(labels > 0, tf.float32)
