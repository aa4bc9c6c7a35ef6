"""Counting terms over a whole split: vocabularies of words, and n-grams with their document frequencies."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from models.analyzer import Analyzer

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from models.analyzer import Facts, RawBatch

MAX_TERMS = 1 << 20
"""Terms an accumulator keeps. Beyond, it drops the rarest, as lossy counting does (Manku & Motwani, VLDB 2002): counts
of terms near the threshold are then lower bounds, and which of these terms are kept depends on the sharding."""

Counts = dict[bytes, int]


class _TermCounts(Analyzer[Counts]):
    """Counts of terms, exact while there are at most MAX_TERMS of them.

    Args:
        features: text features that are counted together.
        size: most terms to keep, the frequent ones.
        min_count: least count of a term that is kept.
    """

    def __init__(self, features: Sequence[str], *, size: int, min_count: int) -> None:
        self._features, self._size, self._min_count = tuple(features), size, min_count

    def create(self) -> Counts:
        return {}

    def add(self, accumulator: Counts, prepared: "Mapping[str, np.ndarray]") -> Counts:
        return _add(accumulator, zip(prepared["terms"].tolist(), prepared["counts"].tolist(), strict=True))

    def merge(self, accumulators: Iterable[Counts]) -> Counts:
        first, *others = accumulators
        merged = dict(first)
        for other in others:
            merged = _add(merged, other.items())
        return merged

    def _kept(self, counts: Counts) -> list[bytes]:
        """Terms by falling count; equal counts by their bytes, so that the order never depends on the sharding."""
        frequent = (term for term, count in counts.items() if count >= self._min_count)
        return sorted(frequent, key=lambda term: (-counts[term], term))[: self._size]


class Vocabulary(_TermCounts):
    """Fact `vocabulary`: the most frequent words, the first being the most frequent."""

    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        from models.text.words import distinct, join_features, split_words

        found = distinct(split_words(join_features(batch, self._features)).values)
        return {"terms": found.words, "counts": found.counts}

    def extract(self, accumulator: Counts) -> "Facts":
        return {"vocabulary": [word.decode("utf-8") for word in self._kept(accumulator)]}


class NgramFrequencies(_TermCounts):
    """Facts `ngrams`: the terms in the most documents; and `idf`: their smoothed inverse document frequencies, float32.

    An n-gram's is divided by its number of words, since much of what it says its words have said already.

    Args:
        features, size, min_count: as for `_TermCounts`.
        lengths: shortest and longest n-gram, in words.
    """

    def __init__(self, features: Sequence[str], *, size: int, min_count: int, lengths: tuple[int, int]) -> None:
        super().__init__(features, size=size, min_count=min_count)
        self._lengths = lengths

    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        import tensorflow as tf

        from models.text.ngrams import ngrams, occurrences
        from models.text.words import distinct, join_features, split_words

        found = ngrams(split_words(join_features(batch, self._features)), self._lengths)
        terms, _, places = distinct(found.values)
        per_document = occurrences(found.with_values(tf.cast(places, tf.int64))).ids
        counts = tf.math.bincount(tf.cast(per_document.values, tf.int32), minlength=tf.size(terms))
        documents = tf.cast([found.nrows()], counts.dtype)
        return {"terms": tf.concat([[_DOCUMENTS], terms], 0), "counts": tf.concat([documents, counts], 0)}

    def extract(self, accumulator: Counts) -> "Facts":
        import numpy as np

        counts = dict(accumulator)
        documents = counts.pop(_DOCUMENTS, 0)
        kept = self._kept(counts)
        frequencies = np.array([counts[term] for term in kept], np.int64)
        words = np.array([term.count(b" ") + 1 for term in kept], np.float32)
        idf = inverse_document_frequency(frequencies, documents) / words
        return {"ngrams": [term.decode("utf-8") for term in kept], "idf": idf}


_DOCUMENTS = b" documents"
"""Counts the documents among the terms; no n-gram begins with a space."""


def inverse_document_frequency(frequencies: "np.ndarray", documents: int) -> "np.ndarray":
    """ln((1 + n) / (1 + df)) + 1 for n documents, float32, as scikit-learn's TfidfTransformer has it."""
    import numpy as np

    return (np.log((1 + documents) / (1 + frequencies)) + 1).astype(np.float32)


def _add(counts: Counts, terms: Iterable[tuple[bytes, int]]) -> Counts:
    get = counts.get
    for term, count in terms:
        counts[term] = get(term, 0) + count
    return counts if len(counts) <= MAX_TERMS else _without_rarest(counts)


def _without_rarest(counts: Counts) -> Counts:
    """Half as many terms, the most frequent; of equal counts those that come first by their bytes."""
    kept = heapq.nsmallest(MAX_TERMS // 2, counts.items(), key=lambda term: (-term[1], term[0]))
    return dict(kept)


class HashedFrequencies(Analyzer["np.ndarray"]):
    """Fact `idf`, float32 `(buckets,)`, of n-grams hashed into buckets.

    The accumulator holds a document frequency a bucket, and the number of documents in its last entry.

    Args:
        features: text features that are counted together.
        buckets: how many there are.
        lengths: shortest and longest n-gram, in words.
    """

    def __init__(self, features: Sequence[str], *, buckets: int, lengths: tuple[int, int]) -> None:
        self._features, self._buckets, self._lengths = tuple(features), buckets, lengths

    def create(self) -> "np.ndarray":
        import numpy as np

        return np.zeros(self._buckets + 1, np.int64)

    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        import tensorflow as tf

        from models.text.ngrams import ngrams, occurrences
        from models.text.words import join_features, split_words

        found = ngrams(split_words(join_features(batch, self._features)), self._lengths)
        buckets = tf.strings.to_hash_bucket_fast(found.values, self._buckets)
        return {"buckets": occurrences(found.with_values(buckets)).ids.values, "documents": found.nrows()}

    def add(self, accumulator: "np.ndarray", prepared: "Mapping[str, np.ndarray]") -> "np.ndarray":
        import numpy as np

        accumulator[:-1] += np.bincount(prepared["buckets"], minlength=self._buckets)
        accumulator[-1] += prepared["documents"]
        return accumulator

    def merge(self, accumulators: "Iterable[np.ndarray]") -> "np.ndarray":
        return sum(accumulators, start=self.create())

    def extract(self, accumulator: "np.ndarray") -> "Facts":
        return {"idf": inverse_document_frequency(accumulator[:-1], int(accumulator[-1]))}
