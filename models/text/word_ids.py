"""Words to ids by a vocabulary, in the graph."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from models.text.tokens import Tokens, words_of
from models.text.words import first_words, join_features

IDS = "token_ids"
UNKNOWN, FIRST_WORD = 1, 2
"""Id 0 is padding, 1 every unknown word, and the vocabulary's words follow."""


class WordIds(tf.Module):
    """Texts to the ids of their first words.

    A text without any word becomes one unknown word, so that every example has a length of at least 1.

    Args:
        vocabulary: known words, in the order of their ids.
        features: text features, which are joined.
        sequence_length: most words of a text.
    """

    def __init__(self, vocabulary: Sequence[str], features: Sequence[str], sequence_length: int) -> None:
        super().__init__()
        self._features, self._length = tuple(features), sequence_length
        ids = tf.range(FIRST_WORD, FIRST_WORD + len(vocabulary), dtype=tf.int64)
        words = tf.constant(vocabulary, tf.string)
        self._table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(words, ids), UNKNOWN)

    def __call__(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """Raw texts to `token_ids`, int64 RaggedTensor `(batch_size, None)`."""
        words = first_words(join_features(batch, self._features), self._length)
        ids = words.with_values(self._table.lookup(words.values))[:, : self._length]
        return {IDS: _at_least_one(ids, tf.constant(UNKNOWN, tf.int64))}

    def tokens(self, batch: Mapping[str, tf.Tensor]) -> Tokens:
        """The words that have the ids; that of a text without any is empty. See `models/text/tokens.py`."""
        found = words_of(batch, self._features).mapped(lambda part: part[:, : self._length])
        nowhere = tf.constant(0, tf.int64)
        nothing = (tf.constant(""), nowhere, nowhere, tf.constant(self._features[0]))
        return Tokens(*map(_at_least_one, found, nothing))


def _at_least_one(ragged: tf.RaggedTensor, value: tf.Tensor) -> tf.RaggedTensor:
    """Rows without values get this one."""
    empty = tf.cast(ragged.row_lengths() == 0, tf.int64)
    fill = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(empty)], value), empty, validate=False)
    return tf.concat([ragged, fill], axis=1)
