"""What each word adds to an answer that is a sum over terms, exactly: integrated gradients need no steps there."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

import keras
import tensorflow as tf

from models.export.reading import told
from models.export.steps import largest
from models.layers.weighted_sum import WeightedSum
from models.padding import pad
from models.tasks import TaskHead
from models.text.terms import Terms, TermTokenizer

if TYPE_CHECKING:
    from models.family import Preprocess

Logits = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]


class TermExplanation:
    """Explains the answers of a `WeightedSum` of terms.

    The baseline is an empty text. A term adds its weight times the network's; each of its words, in all places where it
    stands, adds the same share of that.

    Args:
        layer: the sum.
        tokenizer: tells the terms, and their words.
        logits: from raw features to the sum, float32 `(batch_size, outputs)`.
        task: makes answers of logits.
    """

    def __init__(self, layer: WeightedSum, tokenizer: TermTokenizer, logits: Logits, task: TaskHead) -> None:
        self._layer, self._tokenizer, self._logits, self._task = layer, tokenizer, logits, task

    @classmethod
    def of(cls, network: keras.Model, preprocess: "Preprocess", logits: Logits, task: TaskHead) -> Self | None:
        """None unless the network is nothing but a `WeightedSum`, and the preprocessing can tell the terms' words."""
        layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
        layer = layers[0] if len(layers) == 1 else None
        if not isinstance(layer, WeightedSum) or not isinstance(preprocess, TermTokenizer):
            return None
        return cls(layer, preprocess, logits, task)

    def __call__(self, features: Mapping[str, tf.Tensor], steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers, and for each example its words and what they add.

        Args:
            features: the texts, each string `(batch_size,)`.
            steps: int64 `(batch_size,)`, checked as for integrated gradients; it makes no difference.

        Returns:
            As `TextExplanation` does (`models/export/integrated_gradients.py`).
        """
        tokens, logits = self._tokenizer.tokens(features), self._logits(features)
        bias = tf.broadcast_to(tf.cast(self._layer.bias, tf.float32), tf.shape(logits))
        with tf.control_dependencies([largest(steps)]):
            explained = tf.identity(self._task.explained(logits, answered=logits))
        added = self._added(tokens.words, self._tokenizer.terms(tokens.words), logits)
        return {
            **told(tokens, several=len(features) > 1),
            **pad({"attributions": added}),
            "explained": explained,
            "baseline": self._task.explained(bias, answered=logits),
            **self._task.answers(logits),
        }

    def _added(self, words: tf.RaggedTensor, terms: Terms, logits: tf.Tensor) -> tf.RaggedTensor:
        """What each word adds, float32 `(batch_size, None)`."""
        rows, lengths = terms.ids.value_rowids(), terms.lengths.values
        outputs = terms.weights.values[:, None] * tf.cast(tf.gather(self._layer.kernel, terms.ids.values), tf.float32)
        parts = self._task.explained(outputs, answered=tf.gather(logits, rows)) / tf.cast(lengths, tf.float32)
        firsts = tf.gather(words.row_starts(), rows) + terms.firsts.values
        places = tf.repeat(firsts, lengths) + tf.ragged.range(lengths).values
        sums = tf.math.unsorted_segment_sum(tf.repeat(parts, lengths), places, tf.size(words.values))
        return words.with_values(sums)
