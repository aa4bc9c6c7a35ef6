"""Integrated gradients in the graph: what each token adds to an answer (Sundararajan et al. 2017, arXiv:1703.01365)."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from models.export.embedded import Embedded
from models.export.reading import Reading
from models.export.steps import largest
from models.tasks import TaskHead


class TextExplanation:
    """Explains a network's answers about texts.

    The baseline is a text of as many vectors of zeros. What is explained is the logit of the answer's class (for a
    regression, the prediction's), and the sum of attributions is its rise from the baseline to the text.

    Args:
        embedded: the network.
        reading: from texts to its inputs.
        task: makes answers of logits.
    """

    def __init__(self, embedded: Embedded, reading: Reading, task: TaskHead) -> None:
        self._embedded, self._reading, self._task = embedded, reading, task

    def __call__(self, features: Mapping[str, tf.Tensor], steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers, and for each example its tokens and what they add.

        Args:
            features: the texts, each string `(batch_size,)`.
            steps: int64 `(batch_size,)`, from 1 to MOST_STEPS; all texts take the largest number.

        Returns:
            What the task answers; `tokens` and what goes with them (see `models/export/reading.py`), and `attributions`
            float32, each `(batch_size, length)`; `explained` and `baseline`, float32 `(batch_size,)`: the number that
            is explained, and where it starts.
        """
        steps = largest(steps)
        inputs, tokens = self._reading(features)
        vectors, logits = self._embedded.looked_at(inputs)

        @tf.function(autograph=False)  # so that the network is traced once for all it is asked
        def explained(at: tf.Tensor) -> tf.Tensor:
            return self._task.explained(self._embedded.logits(inputs, at), answered=logits)

        parts = _attributions(explained, vectors, steps)
        return {
            **tokens,
            "attributions": tf.reduce_sum(parts, axis=-1),
            "explained": self._task.explained(logits, answered=logits),
            "baseline": explained(tf.zeros_like(vectors)),
            **self._task.answers(logits),
        }


def _attributions(explained: Callable[[tf.Tensor], tf.Tensor], vectors: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """What each number of `vectors` adds on the way from zeros, float32, in their shape.

    Places on the way are the squares of evenly spaced ones: networks that normalize their vectors change fastest near
    zero, where one step in a hundred would be too long.

    A step's parts are its length times the gradient in its middle. Where the network has a kink on the way (a maximum
    over time, say), they do not add up to what it rises in the step; what is missing goes to the parts by their size.
    With more and more steps it vanishes.
    """
    length = 1.0 / tf.cast(steps, tf.float32)

    def at(place: tf.Tensor) -> tf.Tensor:
        return vectors * tf.cast(place**2, vectors.dtype)

    def body(step: tf.Tensor, total: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        place = tf.cast(step, tf.float32) * length
        middle = at(place + length / 2.0)
        with tf.GradientTape() as tape:
            tape.watch(middle)
            number = explained(middle)
        gradient = tape.gradient(number, middle, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        share = (2.0 * place + length) * length
        parts = share * tf.cast(gradient, tf.float32) * tf.cast(vectors, tf.float32)
        end = explained(at(place + length))
        missing = end - start - tf.reduce_sum(parts, axis=(1, 2))
        sizes = tf.abs(parts)
        weights = tf.math.divide_no_nan(sizes, tf.reduce_sum(sizes, axis=(1, 2), keepdims=True))
        return step + 1, total + parts + missing[:, None, None] * weights, end

    first = (tf.constant(0, tf.int64), tf.zeros(tf.shape(vectors), tf.float32), explained(tf.zeros_like(vectors)))
    shapes = (tf.TensorShape([]), tf.TensorShape([None, None, vectors.shape[-1]]), tf.TensorShape([None]))
    return tf.while_loop(lambda step, *_: step < steps, body, first, shape_invariants=shapes, parallel_iterations=1)[1]
