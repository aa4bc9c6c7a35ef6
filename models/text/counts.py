"""Counting terms over a whole split: vocabularies of words, and n-grams with their document frequencies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from models.analyzer import Analyzer

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from models.analyzer import Facts, RawBatch
    from models.text.term_counts import TermCounts
    from models.text.term_table import TermTable

_HASHES = (1 << 63) - 1


class _TermAnalyzer(Analyzer["TermCounts | TermTable"]):
    """Counts terms.

    Args:
        features: text features that are counted together.
        size: most terms to keep, the frequent ones.
        min_count: least count of a term that is kept.
    """

    def __init__(self, features: Sequence[str], *, size: int, min_count: int) -> None:
        self._features, self._size, self._min_count = tuple(features), size, min_count

    def create(self) -> "TermCounts":
        from models.text.term_counts import TermCounts

        return TermCounts()

    def add(self, accumulator: "TermCounts | TermTable", prepared: Mapping[str, Any]) -> "TermCounts":
        import tensorflow as tf

        from models.text.term_counts import TermCounts

        assert isinstance(accumulator, TermCounts)
        terms: tf.Tensor = prepared["terms"]
        accumulator.add(
            prepared["hashes"],
            prepared.get("counts"),
            lambda places: tf.gather(terms, places).numpy().tolist(),
        )
        return accumulator

    def merge(self, accumulators: "Iterable[TermCounts | TermTable]") -> "TermTable":
        from models.text.term_table import TermTable

        return TermTable.merged(map(_table, accumulators))

    def dump(self, accumulator: "TermCounts | TermTable") -> "Mapping[str, np.ndarray]":
        return _table(accumulator).arrays()

    def load(self, arrays: "Mapping[str, np.ndarray]") -> "TermTable":
        from models.text.term_table import TermTable

        return TermTable(**arrays)


def _table(counts: "TermCounts | TermTable") -> "TermTable":
    from models.text.term_counts import TermCounts
    from models.text.term_table import TermTable

    return TermTable.of(counts) if isinstance(counts, TermCounts) else counts


class Vocabulary(_TermAnalyzer):
    """Fact `vocabulary`: the most frequent words, the first being the most frequent."""

    def prepare(self, batch: "RawBatch") -> "Mapping[str, tf.Tensor]":
        import tensorflow as tf

        from models.text.words import join_features, split_words

        words = split_words(join_features(batch, self._features)).values
        return {"terms": words, "hashes": tf.strings.to_hash_bucket_fast(words, _HASHES)}

    def extract(self, accumulator: "TermCounts | TermTable") -> "Facts":
        kept = accumulator.frequent(self._size, self._min_count)
        return {"vocabulary": [word.decode("utf-8") for word, _ in kept]}


class NgramFrequencies(_TermAnalyzer):
    """Facts `ngrams`: the terms in the most documents; and `idf`: their smoothed inverse document frequencies, float32.

    An n-gram's is divided by its number of words, since much of what it says its words have said already.

    Args:
        features, size, min_count: as for `_TermAnalyzer`.
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
        terms = tf.concat([[_DOCUMENTS], terms], 0)
        counts = tf.concat([tf.cast([found.nrows()], counts.dtype), counts], 0)
        return {"terms": terms, "hashes": tf.strings.to_hash_bucket_fast(terms, _HASHES), "counts": counts}

    def extract(self, accumulator: "TermCounts | TermTable") -> "Facts":
        import numpy as np

        # the documents are counted more often than any term, or as often
        counted = accumulator.frequent(self._size + 1, 1)
        documents = next((count for term, count in counted if term == _DOCUMENTS), 0)
        kept = [(term, count) for term, count in counted if term != _DOCUMENTS and count >= self._min_count]
        frequencies = np.array([count for _, count in kept], np.int64)
        words = np.array([term.count(b" ") + 1 for term, _ in kept], np.float32)
        idf = inverse_document_frequency(frequencies, documents) / words
        return {"ngrams": [term.decode("utf-8") for term, _ in kept], "idf": idf}


_DOCUMENTS = b" documents"
"""Counts the documents among the terms; no n-gram begins with a space."""


def inverse_document_frequency(frequencies: "np.ndarray", documents: int) -> "np.ndarray":
    """ln((1 + n) / (1 + df)) + 1 for n documents, float32, as scikit-learn's TfidfTransformer has it."""
    import numpy as np

    return (np.log((1 + documents) / (1 + frequencies)) + 1).astype(np.float32)


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

    def dump(self, accumulator: "np.ndarray") -> "Mapping[str, np.ndarray]":
        return {"frequencies": accumulator}

    def load(self, arrays: "Mapping[str, np.ndarray]") -> "np.ndarray":
        return arrays["frequencies"]

    def extract(self, accumulator: "np.ndarray") -> "Facts":
        return {"idf": inverse_document_frequency(accumulator[:-1], int(accumulator[-1]))}
