"""The one pass over a split: batches of examples go into accumulators and buffers, no example leaves the worker."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.pvalue import TaggedOutput

from components.transforms.statistics.duplicates import LONGEST, TextRows
from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.minhash import BANDS
from components.transforms.statistics.texts import TextBatch, examine
from components.transforms.statistics.values import partition_counts, shorten
from components.transforms.statistics.words import Hashes, Integers
from components.transforms.tfrecords import Batch, read_batches
from schemas.ingestion import SOURCE, FeatureType

FLUSH_ROWS: Final = 1 << 15
"""Rows, or different values, that a worker buffers before it hands them on."""

_FINGERPRINTS: Final = 2**63 - 1

STATISTICS, VALUES, ROWS = "statistics", "values", "rows"
"""Kinds of what leaves the pass; see `ObserveShards`."""

Key = tuple[str, str, str, int]
"""Kind, split, column and partition, where they matter."""


@dataclass(frozen=True)
class Columns:
    """Which columns the examples have, and which of them are the label and texts."""

    types: Mapping[str, FeatureType]
    label: str
    text: tuple[str, ...]


@dataclass
class _TextBuffer:
    """Rows and bands of one text feature that have not been handed on."""

    rows: list[TextRows] = field(default_factory=list)
    texts: list[Hashes] = field(default_factory=list)
    bands: list[Hashes] = field(default_factory=list)


class ObserveShards(beam.DoFn):
    """Accumulates shards, each given as `(split, path)`.

    Outputs:
        `((STATISTICS, split, "", 0), SplitStatistics)`, `((VALUES, split, column, partition), counts)` and
        `((ROWS, "", column, partition), TextRows)`, for all splits together; and under the tag `bands`
        `((split, column, partition), (bands, texts))`.
    """

    BANDED: Final = "bands"

    def __init__(self, columns: Columns, partitions: int) -> None:
        self._columns, self._partitions = columns, partitions

    def process(self, shard: tuple[str, str]) -> Iterator[Any]:  # pairs and TaggedOutput; Beam would check a union
        split, path = shard
        observer = _Observer(split, self._columns, self._partitions)
        batches = read_batches([path], {**self._columns.types, SOURCE: "BYTES"}, ragged=True)
        for batch, texts in _ahead(batches, lambda batch: {name: _look(batch[name]) for name in self._columns.text}):
            observer.add(batch, texts)
            yield from observer.flush(FLUSH_ROWS)
        yield from observer.flush(1)
        yield (STATISTICS, split, "", 0), observer.statistics


class _Observer:
    """Accumulators and buffers of one shard."""

    def __init__(self, split: str, columns: Columns, partitions: int) -> None:
        self._split, self._columns, self._partitions = split, columns, partitions
        self.statistics = SplitStatistics.create(columns.types, columns.text)
        counted = [name for name, kind in columns.types.items() if kind == "BYTES" and name not in columns.text]
        self._counters: dict[str, Counter[bytes]] = {name: Counter() for name in counted}
        self._clear_texts()

    def _clear_texts(self) -> None:
        self._buffers = {name: _TextBuffer() for name in self._columns.text}
        self._buffered = 0

    def add(self, batch: Batch, texts: Mapping[str, "_Look"]) -> None:
        """Adds a batch and what a look at its text columns gave."""
        sources = _firsts(batch[SOURCE]).numpy()
        self.statistics.examples += len(sources)
        self._buffered += len(sources)
        for name, feature in self.statistics.features.items():
            values = batch[name].values.numpy()
            feature.add_lengths(_lengths(batch[name]))
            if feature.numbers:
                feature.numbers.add(values)
            if feature.strings:
                feature.strings.add(values.tolist())
            if name in self._counters:
                self._counters[name].update(shorten(values.tolist()))
        for name, look in texts.items():
            self._add_texts(name, look, batch, sources)

    def flush(self, at: int) -> Iterator[Any]:
        """Hands on the buffers that hold at least so many rows or values."""
        if self._buffered >= at:
            for name, buffer in self._buffers.items():
                if buffer.rows:
                    yield from self._flush_rows(name, TextRows.concatenate(buffer.rows))
                    yield from self._flush_bands(name, np.concatenate(buffer.texts), np.concatenate(buffer.bands))
            self._clear_texts()
        for name, counter in self._counters.items():
            if len(counter) >= at:
                for partition, counts in partition_counts(counter, self._partitions):
                    yield (VALUES, self._split, name, partition), counts
                counter.clear()

    def _add_texts(self, name: str, look: "_Look", batch: Batch, sources: np.ndarray) -> None:
        """Adds texts, and buffers those that hold any word."""
        feature = self.statistics.features[name].text
        assert feature
        feature.add(look.texts, sources[look.places])
        said = np.flatnonzero(look.texts.tokens)
        if len(said):
            labels = _as_strings(batch[self._columns.label])
            rows = self._rows(look.fingerprints[said], labels, sources, look.places[said])
            self._buffer(self._buffers[name], rows, look.texts, said)

    def _rows(self, texts: Hashes, labels: tf.Tensor, sources: np.ndarray, places: Integers) -> TextRows:
        return TextRows(
            self._split,
            texts,
            _fingerprints(labels)[places],
            _fixed_width(labels.numpy()[places], slice(LONGEST)),
            _fixed_width(sources[places], slice(-LONGEST, None)),
        )

    def _buffer(self, buffer: _TextBuffer, rows: TextRows, looked_at: TextBatch, said: Integers) -> None:
        banded = looked_at.banded[said]
        buffer.rows.append(rows)
        buffer.texts.append(rows.texts[banded])
        buffer.bands.append(looked_at.bands[said[banded]])

    def _flush_rows(self, name: str, rows: TextRows) -> Iterator[tuple[Key, TextRows]]:
        for partition, places in partition_of(rows.texts, self._partitions):
            yield (ROWS, "", name, partition), rows.take(places)

    def _flush_bands(self, name: str, texts: Hashes, bands: Hashes) -> Iterator[TaggedOutput]:
        """Bands with the texts that have them, each text once."""
        texts, firsts = np.unique(texts, return_index=True)
        flat_bands, flat_texts = bands[firsts].ravel(), np.repeat(texts, BANDS)
        for partition, places in partition_of(flat_bands, self._partitions):
            pairs = flat_bands[places], flat_texts[places]
            yield TaggedOutput(ObserveShards.BANDED, ((self._split, name, partition), pairs))


@dataclass(frozen=True)
class _Look:
    """Texts of one column of a batch: the examples that have one `(texts,)`, and what was seen of each."""

    places: Integers
    fingerprints: Hashes
    texts: TextBatch


def _look(column: tf.RaggedTensor) -> _Look:
    places = np.flatnonzero(_lengths(column))
    texts = _firsts(column)
    texts = tf.gather(texts, places) if len(places) < column.nrows() else texts
    return _Look(places, _fingerprints(texts), examine(texts.numpy().tolist()))


def _ahead(batches: Iterable[Batch], look: Callable[[Batch], dict[str, _Look]]) -> Iterator[tuple[Batch, Any]]:
    """Batches and what a look at each gives, in order; one thread looks ahead while TensorFlow reads on others."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[tuple[Batch, Future[dict[str, _Look]]]] = deque()
        for batch in batches:
            waiting.append((batch, pool.submit(look, batch)))
            if len(waiting) > 1:
                first, looking = waiting.popleft()
                yield first, looking.result()
        for last, looking in waiting:
            yield last, looking.result()


def _lengths(ragged: tf.RaggedTensor) -> Integers:
    """The number of values of each example, `(batch_size,)`."""
    return np.diff(ragged.row_splits.numpy())


def _firsts(ragged: tf.RaggedTensor) -> tf.Tensor:
    """The first value of each example, `(batch_size,)`; an empty string where there is none."""
    if (_lengths(ragged) == 1).all():
        return ragged.values
    return ragged[:, :1].to_tensor(default_value="", shape=(None, 1))[:, 0]


def _as_strings(ragged: tf.RaggedTensor) -> tf.Tensor:
    """The first value of each example as a string, whatever its type."""
    if ragged.dtype != tf.string:
        ragged = ragged.with_values(tf.strings.as_string(ragged.values))
    return _firsts(ragged)


def _fingerprints(strings: tf.Tensor) -> Hashes:
    return tf.strings.to_hash_bucket_fast(strings, _FINGERPRINTS).numpy().astype(np.uint64)


def _fixed_width(values: np.ndarray, span: slice) -> np.ndarray:
    """An array of bytes, cut to a span of theirs, that pickles as one block."""
    if max(map(len, values), default=0) > LONGEST:
        values = np.array([value[span] for value in values], object)
    return values.astype(np.bytes_) if len(values) else np.empty(0, "S1")


def partition_of(hashes: Hashes, partitions: int) -> Iterator[tuple[int, Integers]]:
    """Places of the hashes by partition, where a partition has any."""
    owners = (hashes % np.uint64(partitions)).astype(np.int64)
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(partitions + 1))
    for partition in range(partitions):
        if bounds[partition] < bounds[partition + 1]:
            yield partition, order[bounds[partition] : bounds[partition + 1]]
