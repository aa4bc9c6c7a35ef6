"""The one pass over a split: batches of examples go into accumulators and buffers, no example leaves the worker."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.metrics import Metrics

from components.partials import Partials, key_of
from components.transforms.archive import ArchiveError, ArchiveWriter, read_archive
from components.transforms.statistics.duplicates import LONGEST, TextRows
from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.images import ImageBatch, examine_images
from components.transforms.statistics.pieces import (
    BANDED,
    HASHED,
    Deal,
    Piece,
    rows_piece,
    statistics_piece,
    values_piece,
)
from components.transforms.statistics.texts import TextBatch, examine
from components.transforms.statistics.values import shorten
from components.transforms.statistics.words import Hashes, Integers
from components.transforms.tfrecords import BATCH_SIZE, Batch, read_batches
from schemas.errors import TrainworksError
from schemas.ingestion import SOURCE, FeatureType

FLUSH_ROWS: Final = 1 << 15
"""Rows, or different values, that a worker buffers before it hands them on."""

REUSED: Final = Metrics.counter("trainworks", "shards observed by an earlier run")

_FINGERPRINTS: Final = 2**63 - 1

_OBSERVED: Final = "observed.zip"

Key = tuple[str, str, str, int]
"""Kind, split, column and partition, where they matter."""


@dataclass(frozen=True)
class Columns:
    """Which columns the examples have, and which of them are the label, texts and pictures."""

    types: Mapping[str, FeatureType]
    label: str | None
    text: tuple[str, ...]
    images: tuple[str, ...] = ()


@dataclass
class _TextBuffer:
    """Rows and bands of one text feature that have not been handed on."""

    rows: list[TextRows] = field(default_factory=list)
    texts: list[Hashes] = field(default_factory=list)
    bands: list[Hashes] = field(default_factory=list)


@dataclass
class _ImageBuffer:
    """The same of one picture feature."""

    rows: list[TextRows] = field(default_factory=list)
    images: list[Hashes] = field(default_factory=list)
    hashes: list[Hashes] = field(default_factory=list)


class ObserveShards(beam.DoFn):
    """Accumulates shards, each given as `(split, path, SHA-256)`; the last may be empty.

    Outputs:
        `((STATISTICS, split, "", 0), SplitStatistics)`, `((VALUES, split, column, partition), counts)` and
        `((ROWS, "", column, partition), TextRows)`, for all splits together; under the tag `bands`
        `((split, column, partition), (bands, texts))`; and under the tag `hashes`
        `((column, partition), HashedImages)`, for all splits together.
    """

    def __init__(
        self,
        columns: Columns,
        partitions: int,
        batch_size: int = BATCH_SIZE,
        *,
        partials: Partials | None = None,
        code: str = "",
    ) -> None:
        self._columns, self._batch_size, self._partials = columns, batch_size, partials
        self._empty = SplitStatistics.create(columns.types, columns.text, columns.images)
        self._deal = Deal(self._empty, partitions)
        self._settings = key_of(code=code, columns=columns)

    def process(self, shard: tuple[str, str, str]) -> Iterator[Any]:  # pairs and TaggedOutput; Beam would check a union
        split, path, digest = shard
        known = self._partials is not None and digest
        pieces = self._kept(path, key_of(settings=self._settings, shard=digest)) if known else self._observed(path)
        for piece in pieces:
            yield from self._deal(split, piece)

    def _kept(self, path: str, key: str) -> Iterator[Piece]:
        """What there is to say of a shard: as an earlier run found it, or else found now, and kept."""
        assert self._partials
        if entry := self._partials.find(key):
            try:
                for (kind, column, state), arrays in read_archive(entry / _OBSERVED, key):
                    yield Piece(kind, column, arrays, state)
                REUSED.inc()
                return
            except (ArchiveError, OSError):
                self._partials.discard(key)
        with self._partials.adding(key) as folder, ArchiveWriter(folder / _OBSERVED, key) as archive:
            try:
                for piece in self._observed(path):
                    archive.add((piece.kind, piece.column, piece.state), piece.arrays)
                    yield piece
            except OSError as error:  # of the shard: the entry's own would cost nothing but the entry
                raise TrainworksError(
                    f"The examples in {path} must be such as can be read. Received: {error}"
                ) from error

    def _observed(self, path: str) -> Iterator[Piece]:
        observer = _Observer(self._columns)
        types: dict[str, FeatureType] = {**self._columns.types, SOURCE: "BYTES"}
        batches = read_batches([path], types, ragged=True, batch_size=self._batch_size)
        for batch, looks in _ahead(batches, self._look):
            observer.add(batch, looks)
            yield from observer.flush(FLUSH_ROWS)
        yield from observer.flush(1)
        yield statistics_piece(observer.statistics)

    def _look(self, batch: Batch) -> "Looks":
        texts = {name: _look(batch[name], examine) for name in self._columns.text}
        return texts, {name: _look(batch[name], examine_images) for name in self._columns.images}


class _Observer:
    """Accumulators and buffers of one shard."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.statistics = SplitStatistics.create(columns.types, columns.text, columns.images)
        looked_at = {*columns.text, *columns.images}
        counted = [name for name, kind in columns.types.items() if kind == "BYTES" and name not in looked_at]
        self._counters: dict[str, Counter[bytes]] = {name: Counter() for name in counted}
        self._clear()

    def _clear(self) -> None:
        self._buffers = {name: _TextBuffer() for name in self._columns.text}
        self._image_buffers = {name: _ImageBuffer() for name in self._columns.images}
        self._buffered = 0

    def add(self, batch: Batch, looks: "Looks") -> None:
        """Adds a batch and what a look at its text and picture columns gave."""
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
        texts, images = looks
        for name, look in texts.items():
            self._add_texts(name, look, batch, sources)
        for name, image_look in images.items():
            self._add_images(name, image_look, batch, sources)

    def flush(self, at: int) -> Iterator[Piece]:
        """Hands on the buffers that hold at least so many rows or values."""
        if self._buffered >= at:
            for name, buffer in self._buffers.items():
                if buffer.rows:
                    yield rows_piece(name, TextRows.concatenate(buffer.rows))
                    texts, firsts = np.unique(np.concatenate(buffer.texts), return_index=True)
                    yield Piece(BANDED, name, {"texts": texts, "bands": np.concatenate(buffer.bands)[firsts]})
            for name, images in self._image_buffers.items():
                if images.rows:
                    yield rows_piece(name, TextRows.concatenate(images.rows))
                    hashed = {"images": np.concatenate(images.images), "hashes": np.concatenate(images.hashes)}
                    yield Piece(HASHED, name, hashed)
            self._clear()
        for name, counter in self._counters.items():
            if len(counter) >= at:
                yield values_piece(name, counter)
                counter.clear()

    def _add_texts(self, name: str, look: "_Look[TextBatch]", batch: Batch, sources: np.ndarray) -> None:
        """Adds texts, and buffers those that hold any word."""
        feature = self.statistics.features[name].text
        assert feature
        feature.add(look.seen, sources[look.places])
        said = np.flatnonzero(look.seen.tokens)
        if len(said):
            labels = self._labels(batch)
            rows = self._rows(look.fingerprints[said], labels, sources, look.places[said])
            self._buffer(self._buffers[name], rows, look.seen, said)

    def _add_images(self, name: str, look: "_Look[ImageBatch]", batch: Batch, sources: np.ndarray) -> None:
        """Adds pictures, and buffers those that are not blank."""
        feature = self.statistics.features[name].images
        assert feature
        feature.add(look.seen, sources[look.places])
        shown = np.flatnonzero(~look.seen.blank)
        if len(shown):
            labels = self._labels(batch)
            rows = self._rows(look.fingerprints[shown], labels, sources, look.places[shown])
            hashed = look.seen.hashed[shown]
            buffer = self._image_buffers[name]
            buffer.rows.append(rows)
            buffer.images.append(rows.texts[hashed])
            buffer.hashes.append(look.seen.hashes[shown[hashed]])

    def _labels(self, batch: Batch) -> tf.Tensor:
        """Of each example; where there are none, all have the same."""
        label = self._columns.label
        return tf.fill([batch[SOURCE].nrows()], "") if label is None else _as_strings(batch[label])

    def _rows(self, texts: Hashes, labels: tf.Tensor, sources: np.ndarray, places: Integers) -> TextRows:
        return TextRows(
            "",
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


Seen = TypeVar("Seen", TextBatch, ImageBatch)


@dataclass(frozen=True)
class _Look(Generic[Seen]):
    """One column of a batch: the examples that have a text, or a picture, `(texts,)`, and what was seen of each."""

    places: Integers
    fingerprints: Hashes
    seen: Seen


Looks = tuple[dict[str, _Look[TextBatch]], dict[str, _Look[ImageBatch]]]
"""What a look at the text columns and at the picture columns of a batch gives."""


def _look(column: tf.RaggedTensor, examine: Callable[[list[bytes]], Seen]) -> _Look[Seen]:
    places = np.flatnonzero(_lengths(column))
    texts = _firsts(column)
    texts = tf.gather(texts, places) if len(places) < column.nrows() else texts
    return _Look(places, _fingerprints(texts), examine(texts.numpy().tolist()))


def _ahead(batches: Iterable[Batch], look: Callable[[Batch], Looks]) -> Iterator[tuple[Batch, Looks]]:
    """Batches and what a look at each gives, in order; one thread looks ahead while TensorFlow reads on others."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[tuple[Batch, Future[Looks]]] = deque()
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
    """The value of each example as a string, whatever its type; several are joined by `|`."""
    if ragged.dtype != tf.string:
        ragged = ragged.with_values(tf.strings.as_string(ragged.values))
    if (_lengths(ragged) > 1).any():
        return tf.strings.reduce_join(ragged, axis=1, separator="|")
    return _firsts(ragged)


def _fingerprints(strings: tf.Tensor) -> Hashes:
    return tf.strings.to_hash_bucket_fast(strings, _FINGERPRINTS).numpy().astype(np.uint64)


def _fixed_width(values: np.ndarray, span: slice) -> np.ndarray:
    """An array of bytes, cut to a span of theirs, that pickles as one block."""
    if max(map(len, values), default=0) > LONGEST:
        values = np.array([value[span] for value in values], object)
    return values.astype(np.bytes_) if len(values) else np.empty(0, "S1")
