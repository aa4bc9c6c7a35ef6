"""TF-IDF in the graph, by vocabulary or by hashing."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.text.ngrams import Occurrences, ngram_words, ngrams, occurrences
from models.text.terms import Terms
from models.text.tokens import Tokens, words_of
from models.text.words import join_features, split_words

IDS, WEIGHTS = "ngram_ids", "ngram_weights"


class TfIdf(tf.Module):
    """Texts to the weights of their n-grams: (1 + ln tf) * idf, of unit Euclidean length a document.

    That is Salton & Buckley's "ltc" weighting (doi:10.1016/0306-4573(88)90021-0). N-grams that are not in the
    vocabulary are left out. An id is its n-gram's place plus 1, since 0 is padding.

    Args:
        terms: the n-grams, in the order of their ids; or None to hash them into as many buckets as `idf` has.
        idf: float32 `(terms,)`.
        features: text features, which are joined.
        lengths: shortest and longest n-gram.
    """

    def __init__(
        self, terms: Sequence[str] | None, idf: np.ndarray, features: Sequence[str], lengths: tuple[int, int]
    ) -> None:
        super().__init__()
        self._features, self._lengths = tuple(features), lengths
        self._idf = tf.constant(np.concatenate([[0.0], idf]).astype(np.float32))
        self._table = _table(terms) if terms is not None else None

    def __call__(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """Raw texts to `ngram_ids` int64 and `ngram_weights` float32, RaggedTensors `(batch_size, None)`."""
        found = occurrences(self._ids(split_words(join_features(batch, self._features))))
        known = found.ids.values > 0
        ids = tf.ragged.boolean_mask(found.ids, found.ids.with_values(known))
        return {IDS: ids, WEIGHTS: ids.with_values(tf.boolean_mask(self._weights(found), known))}

    def tokens(self, batch: Mapping[str, tf.Tensor]) -> Tokens:
        """All words. See `models/text/tokens.py`."""
        return words_of(batch, self._features)

    def terms(self, words: tf.RaggedTensor) -> Terms:
        """All n-grams; the weight of one that occurs several times is shared evenly. See `models/text/terms.py`."""
        ids = self._ids(words)
        found = occurrences(ids)
        shares = self._weights(found) / tf.cast(found.counts.values, tf.float32)
        return Terms(ids, ids.with_values(tf.gather(shares, found.places)), *ngram_words(words, self._lengths))

    def _ids(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        found = ngrams(words, self._lengths)
        return found.with_values(self._lookup(found.values))

    def _weights(self, found: Occurrences) -> tf.Tensor:
        """Of the values of `found.ids`, float32."""
        weights = 1.0 + tf.math.log(tf.cast(found.counts.values, tf.float32))
        weights *= tf.gather(self._idf, found.ids.values)
        rows = found.ids.value_rowids()
        squares = tf.math.unsorted_segment_sum(tf.square(weights), rows, found.ids.nrows())
        return weights * tf.gather(tf.math.rsqrt(tf.maximum(squares, 1e-12)), rows)

    def _lookup(self, terms: tf.Tensor) -> tf.Tensor:
        """Ids, 0 for an n-gram that is not known, whose idf is 0 so that it has no weight."""
        if self._table is not None:
            return self._table.lookup(terms)
        return tf.strings.to_hash_bucket_fast(terms, int(self._idf.shape[0]) - 1) + 1


def _table(terms: Sequence[str]) -> tf.lookup.StaticHashTable:
    ids = tf.range(1, len(terms) + 1, dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(terms, tf.string), ids), 0)
