"""N-grams of words and how often each stands in a document, in the graph."""

from typing import NamedTuple

import tensorflow as tf


def ngrams(words: tf.RaggedTensor, lengths: tuple[int, int]) -> tf.RaggedTensor:
    """N-grams of every length from `lengths[0]` to `lengths[1]` words, words joined by a space.

    Args:
        words: string RaggedTensor `(batch_size, None)`.
        lengths: shortest and longest.

    Returns:
        String RaggedTensor `(batch_size, None)`.
    """
    if lengths == (1, 1):
        return words
    return tf.strings.ngrams(words, tuple(range(lengths[0], lengths[1] + 1)))


def ngram_words(words: tf.RaggedTensor, lengths: tuple[int, int]) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """The place of the first word of each n-gram that `ngrams` gives, and how many words it has, both int64."""
    firsts, counts = list[tf.RaggedTensor](), list[tf.RaggedTensor]()
    for length in range(lengths[0], lengths[1] + 1):
        first = tf.ragged.range(tf.maximum(words.row_lengths() - (length - 1), 0))
        firsts.append(first)
        counts.append(first.with_values(tf.fill(tf.shape(first.values), tf.constant(length, tf.int64))))
    return tf.concat(firsts, axis=1), tf.concat(counts, axis=1)


class Occurrences(NamedTuple):
    """Distinct ids of each document, and how often each stands there; RaggedTensors `(batch_size, None)`. And the place
    among the values of these of every id that was given, `(ids,)`."""

    ids: tf.RaggedTensor
    counts: tf.RaggedTensor
    places: tf.Tensor


def occurrences(ids: tf.RaggedTensor) -> Occurrences:
    """Distinct ids and their counts, document by document.

    Args:
        ids: int64 RaggedTensor `(batch_size, None)` of numbers that are not negative.

    Returns:
        Ids int64 in the order of their first occurrence, counts int32.
    """
    rows = ids.value_rowids()
    width = tf.reduce_max(tf.concat([ids.values, [0]], 0)) + 1
    pairs, places, counts = tf.unique_with_counts(rows * width + ids.values)
    partition = tf.RaggedTensor.from_value_rowids(pairs % width, pairs // width, nrows=ids.nrows(), validate=False)
    return Occurrences(partition, partition.with_values(counts), places)
