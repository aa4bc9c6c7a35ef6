"""The one pass over a split: a batch of examples goes into accumulators and buffers, nothing else leaves the worker."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
from components.transforms.tfrecords import Batch
from schemas.ingestion import SOURCE, FeatureType

FLUSH_ROWS: Final = 1 << 16
"""Rows, or different values, that a worker buffers before it hands them on."""

_FINGERPRINTS: Final = 2**63 - 1


@dataclass
class _TextBuffer:
    """Rows and bands of one text feature that have not been handed on."""

    rows: list[TextRows] = field(default_factory=list)
    texts: list[Hashes] = field(default_factory=list)
    bands: list[Hashes] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    """Which columns the examples have, and which of them are the label and texts."""

    types: Mapping[str, FeatureType]
    label: str
    text: tuple[str, ...]


class ObserveSplit(beam.DoFn):
    """Accumulates the batches of one split.

    Outputs: `statistics` `(split, SplitStatistics)`; `values` `((split, column, partition), counts)`; `rows`
    `((column, partition), TextRows)`; `bands` `((split, column, partition), (bands, texts))`.
    """

    STATISTICS, VALUES, ROWS, BANDED = "statistics", "values", "rows", "bands"

    def __init__(self, split: str, columns: Columns, partitions: int) -> None:
        self._split, self._columns, self._partitions = split, columns, partitions
        self.start_bundle()

    def start_bundle(self) -> None:
        self._statistics = SplitStatistics.create(self._columns.types, self._columns.text)
        self._counters: dict[str, Counter[bytes]] = {
            name: Counter()
            for name, kind in self._columns.types.items()
            if kind == "BYTES" and name not in self._columns.text
        }
        self._clear_texts()

    def _clear_texts(self) -> None:
        self._buffers = {name: _TextBuffer() for name in self._columns.text}
        self._buffered = 0

    def process(self, batch: Batch) -> Iterator[Any]:  # TaggedOutput, of which Beam would make a type check
        sources = _first_values(batch[SOURCE])
        self._statistics.examples += len(sources)
        for name, feature in self._statistics.features.items():
            values = batch[name].values.numpy()
            feature.add_lengths(batch[name].row_lengths().numpy())
            if feature.numbers:
                feature.numbers.add(values)
            if feature.strings:
                feature.strings.add(values.tolist())
            if name in self._counters:
                self._counters[name].update(shorten(values.tolist()))
            if feature.text:
                self._add_texts(name, batch, sources)
        self._buffered += len(sources)
        if self._buffered >= FLUSH_ROWS:
            yield from self._flush_texts()
        if any(len(counter) >= FLUSH_ROWS for counter in self._counters.values()):
            yield from self._flush_values()

    def finish_bundle(self) -> Iterator[Any]:
        outputs = [*self._flush_texts(), *self._flush_values()]
        outputs.append(TaggedOutput(self.STATISTICS, (self._split, self._statistics)))
        for output in outputs:
            yield TaggedOutput(output.tag, beam.transforms.window.GlobalWindows.windowed_value(output.value))
        self.start_bundle()

    def _add_texts(self, name: str, batch: Batch, sources: np.ndarray) -> None:
        """Looks at the texts of the examples that have one, and buffers those that hold any word."""
        feature = self._statistics.features[name]
        present = np.flatnonzero(batch[name].row_lengths().numpy())
        texts = tf.constant(_first_values(batch[name])[present].tolist(), tf.string)
        looked_at = examine(texts.numpy().tolist())
        assert feature.text
        feature.text.add(looked_at, sources[present])
        said = np.flatnonzero(looked_at.tokens)
        if len(said):
            fingerprints = tf.strings.to_hash_bucket_fast(texts, _FINGERPRINTS).numpy().astype(np.uint64)[said]
            rows = self._rows(fingerprints, batch, sources, present[said])
            self._buffer(self._buffers[name], rows, fingerprints, looked_at, said)

    def _rows(self, texts: Hashes, batch: Batch, sources: np.ndarray, places: Integers) -> TextRows:
        labels = _as_bytes(batch[self._columns.label])
        fingerprints = tf.strings.to_hash_bucket_fast(labels.tolist(), _FINGERPRINTS).numpy().astype(np.uint64)
        return TextRows(
            self._split,
            texts,
            fingerprints[places],
            _fixed_width(labels[places], slice(LONGEST)),
            _fixed_width(sources[places], slice(-LONGEST, None)),
        )

    def _buffer(self, buffer: _TextBuffer, rows: TextRows, texts: Hashes, looked_at: TextBatch, said: Integers) -> None:
        banded = looked_at.banded[said]
        buffer.rows.append(rows)
        buffer.texts.append(texts[banded])
        buffer.bands.append(looked_at.bands[said[banded]])

    def _flush_texts(self) -> Iterator[TaggedOutput]:
        for name, buffer in self._buffers.items():
            if buffer.rows:
                rows = TextRows.concatenate(buffer.rows)
                for partition, places in partition_of(rows.texts, self._partitions):
                    yield TaggedOutput(self.ROWS, ((name, partition), rows.take(places)))
                yield from self._flush_bands(name, np.concatenate(buffer.texts), np.concatenate(buffer.bands))
        self._clear_texts()

    def _flush_bands(self, name: str, texts: Hashes, bands: Hashes) -> Iterator[TaggedOutput]:
        texts, places = np.unique(texts, return_index=True)
        flat_bands, flat_texts = bands[places].ravel(), np.repeat(texts, BANDS)
        for partition, places in partition_of(flat_bands, self._partitions):
            pairs = flat_bands[places], flat_texts[places]
            yield TaggedOutput(self.BANDED, ((self._split, name, partition), pairs))

    def _flush_values(self) -> Iterator[TaggedOutput]:
        for name, counter in self._counters.items():
            for partition, counts in partition_counts(counter, self._partitions):
                yield TaggedOutput(self.VALUES, ((self._split, name, partition), counts))
            counter.clear()


def _first_values(ragged: tf.RaggedTensor) -> np.ndarray:
    """The first value of each example, `(batch_size,)`; an empty string where there is none."""
    values, splits = ragged.values.numpy(), ragged.row_splits.numpy()
    if len(values) == len(splits) - 1 and (np.diff(splits) == 1).all():
        return values
    firsts = np.full(len(splits) - 1, b"", object)
    present = np.flatnonzero(np.diff(splits))
    firsts[present] = values[splits[present]]
    return firsts


def _as_bytes(ragged: tf.RaggedTensor) -> np.ndarray:
    """The first value of each example as bytes, whatever its type."""
    if ragged.dtype != tf.string:
        ragged = ragged.with_values(tf.strings.as_string(ragged.values, shortest=ragged.dtype.is_floating))
    return _first_values(ragged)


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
