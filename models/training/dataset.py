"""Batches of transformed examples, streamed from TFRecord shards, bucketed by length.

One mechanism for all sizes: records are shuffled, taken in chunks of many batches, parsed as ragged tensors in one go,
sorted by length within the chunk, cut into batches, and the batches' order is shuffled again. So texts of like length
share a batch, while no operation runs on single records. The order depends on the seed and the epoch alone.

Raw texts are preprocessed once, where the model inputs of all of the split fit into memory, and else in each epoch.

Pictures have no length, and a chunk of them is one batch: decoded once and kept where all of the split fits into
memory, or on disk where that is asked for, else whenever they are read, several batches at a time.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from models.padding import pad
from models.training.mapped import MappedRows
from models.training.preparation import FeatureSpec, Preparation, Prepared
from schemas.errors import DataError
from schemas.features import LABEL

if TYPE_CHECKING:
    from models.family import Preprocess

CHUNK_BATCHES = 64
"""Batches that are sorted by length together: enough that a batch's texts differ little in length."""

LENGTH_NOISE = 0.1
"""Lengths are sorted after a change of up to this share, so that each epoch's batches differ."""

CACHE_BYTES = 256 << 20
"""A split of at most this many bytes is read once, kept in memory and shuffled as a whole."""

READ_RECORDS, READ_PICTURES = 4096, 64
"""Records taken at once when a split is read through."""

_WORKERS = min(max(len(os.sched_getaffinity(0)), 2), 16)
"""Batches of pictures that are decoded, or augmented, at a time."""

Augment = Callable[[dict[str, tf.Tensor], tf.Tensor, tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]
"""From inputs, labels and a seed, int64 `(2,)`, to inputs and labels."""

_plain_python = tf.autograph.experimental.do_not_convert
"""Nothing here needs AutoGraph, whose conversion of every function given to `map` takes a second in all."""

Batch = tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]


class Batches:
    """The batches of one split: `(inputs, label, weight)`.

    `inputs` maps a name to a dense tensor `(batch_size, ...)`, padded to the batch's longest, or a little
    more; `label` is int64 or float32, `(batch_size,)` or as wide as its shape in the schema says, `weight` float32
    `(batch_size,)`. The last batch may be smaller; every example comes once an epoch.

    Args:
        shards: TFRecord files, in order.
        spec: features to parse, among them `label`.
        batch_size: examples a batch, over all replicas.
        name: the split's name, for messages.
        bucket_by_length: put examples of like length together.
        length_multiple: lengths of batches are rounded up to multiples of this.
        seed: with the epoch's number, decides the order.
        cache_bytes: a split up to this size is kept in memory.
        preprocess: from raw features to model inputs, where examples hold raw features.
        pixels_folder: decoded pictures are kept in files there, whatever their size, and not in memory.

    Attributes:
        num_examples: examples of the split.
        class_weights: weight of each class in training, by index; may be set before `training` is called. None means 1.
        augment: changes the batches of training; its seed is another one for each. May be set likewise.
        evaluated_as: changes the batches of evaluation, where these are not to be as they stand there; likewise.

    Raises:
        DataError: there are no examples.
        ConfigError: the disk of `pixels_folder` has no space for them.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        spec: FeatureSpec,
        batch_size: int,
        *,
        name: str = "train",
        bucket_by_length: bool = True,
        length_multiple: int = 1,
        seed: int = 0,
        cache_bytes: int = CACHE_BYTES,
        preprocess: "Preprocess | None" = None,
        pixels_folder: Path | None = None,
    ) -> None:
        self._name, self._pixels_folder = name, pixels_folder
        self._files = [str(path) for path in shards]
        self.batch_size, self._seed, self._cache_bytes = batch_size, seed, cache_bytes
        self._prepare = Preparation(spec, preprocess)
        self._bucket = bucket_by_length and self._prepare.ragged
        self._length_multiple = length_multiple
        self.class_weights: Sequence[float] | None = None
        self.augment: Augment | None = None
        self.evaluated_as: Augment | None = None
        self._kept: Prepared | MappedRows | None = None
        self._records, self.num_examples, self._bytes = self._read_through()
        if not self.num_examples:
            raise DataError(f"The split `{name}` must hold examples for training. Received: none")
        self._kept = self._decoded()

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return math.ceil(self.num_examples / self.batch_size)

    def labels(self) -> Iterator[np.ndarray]:
        """The labels alone, in pieces, in the order of the records."""
        if self._kept is not None:
            yield np.asarray(self._kept[LABEL])
            return
        for records in self._pieces():
            yield self._prepare.labels(records).numpy()

    @_plain_python
    def training(self, epochs: int, *, epoch: int = 0, skip: int = 0) -> tf.data.Dataset:
        """Epoch after epoch without a seam, from `epoch` on and `skip` batches into it."""
        weights = None if self.class_weights is None else tf.constant(self.class_weights, tf.float32)

        def weigh(inputs: dict[str, tf.Tensor], label: tf.Tensor) -> Batch:
            weight = tf.ones(tf.shape(label)[:1]) if weights is None else tf.gather(weights, label)
            return inputs, label, weight

        batches = self._passes(epochs, epoch, skip).map(weigh)
        return self._finish(self._changed(batches, self.augment, first=epoch * self.steps + skip))

    @_plain_python
    def inputs(self) -> tf.data.Dataset:
        """One shuffled pass over the model inputs alone, as they are without augmentation."""
        return self._finish(self._passes(1, 0, 0).map(lambda inputs, label: inputs))

    @_plain_python
    def evaluation(self) -> tf.data.Dataset:
        """One pass in a fixed order, with weights of 1."""
        chunks = self._in_turn()
        batches = self._pictures(chunks) if self._is_pictures else self._prepared(chunks).flat_map(self._in_order)
        weighed = batches.map(lambda inputs, label: (inputs, label, tf.ones(tf.shape(label)[:1])))
        return self._finish(self._changed(weighed, self.evaluated_as, first=0))

    def _changed(self, batches: tf.data.Dataset, augment: Augment | None, *, first: int) -> tf.data.Dataset:
        """Batches, changed if they are to be; the number of the first decides the seeds."""
        if augment is None:
            return batches

        def changed(step: tf.Tensor, batch: Batch) -> Batch:
            inputs, label, weight = batch
            return (*augment(inputs, label, tf.stack([tf.constant(self._seed, tf.int64), step])), weight)

        return batches.enumerate(first).map(changed, num_parallel_calls=_WORKERS)

    def _passes(self, epochs: int, epoch: int, skip: int) -> tf.data.Dataset:
        """`(inputs, label)` of epochs; batches of pictures that are skipped are not decoded."""
        numbers = tf.data.Dataset.range(epoch, epochs)
        if self._is_pictures:
            skipped = tf.constant(skip, tf.int64)
            chunks = numbers.flat_map(
                lambda number: self._shuffled(number).skip(skipped * tf.cast(tf.equal(number, epoch), tf.int64))
            )
            return self._pictures(chunks)
        dataset = numbers.flat_map(self._epoch)
        return dataset.skip(skip) if skip else dataset

    @property
    def _is_pictures(self) -> bool:
        return self._prepare.row_bytes is not None

    @property
    def _chunk_size(self) -> int:
        return self.batch_size if self._is_pictures else self.batch_size * CHUNK_BATCHES

    def _stream(self, files: "Sequence[str] | tf.Tensor") -> tf.data.Dataset:
        compression = "GZIP" if self._files and self._files[0].endswith(".gz") else ""
        return tf.data.TFRecordDataset(files, compression_type=compression, buffer_size=1 << 20)

    def _pieces(self) -> Iterator[tf.Tensor]:
        if self._records is not None:
            yield self._records
        elif self._files:
            size = READ_PICTURES if self._is_pictures else READ_RECORDS
            yield from self._stream(self._files).batch(size).prefetch(1)

    def _read_through(self) -> tuple[tf.Tensor | None, int, int]:
        """The records, unless they are too many to keep; their number; their bytes."""
        self._records = None
        kept: list[tf.Tensor] | None = []
        count = size = 0
        for records in self._pieces():
            count += int(records.shape[0])
            size += int(tf.reduce_sum(tf.cast(tf.strings.length(records), tf.int64)))
            kept = [*kept, records] if kept is not None and size <= self._cache_bytes else None
        return tf.concat(kept, axis=0) if kept else None, count, size

    @_plain_python
    def _decoded(self) -> "Prepared | MappedRows | None":
        """All pictures, unless they are too many to keep decoded; then the encoded ones are no longer needed."""
        if self._prepare.row_bytes is None:
            return self._preprocessed() if self._prepare.is_raw else None
        size = self._prepare.row_bytes * self.num_examples
        decoded = self._in_turn().map(self._prepare, num_parallel_calls=_WORKERS)
        if self._pixels_folder is not None:
            mapped = MappedRows(self._pixels_folder, self._name, decoded, size)
            self._records = None
            return mapped
        if size > self._cache_bytes:
            return None
        pieces = list(decoded)
        self._records = None
        with tf.device("CPU"):
            return {name: tf.concat([piece.pop(name) for piece in pieces], axis=0) for name in list(pieces[0])}

    @_plain_python
    def _preprocessed(self) -> "Prepared | None":
        """The model inputs of all raw texts, unless they are too many to keep; then they stand for the texts."""
        pieces, size = list[Prepared](), 0
        for piece in self._in_turn().map(self._prepare).prefetch(1):
            pieces.append(piece)
            size += sum(_bytes_of(values) for values in piece.values())
            if size > self._cache_bytes:
                return None
        self._records = None
        with tf.device("CPU"):
            return {name: tf.concat([piece.pop(name) for piece in pieces], axis=0) for name in list(pieces[0])}

    def _in_turn(self) -> tf.data.Dataset:
        """Chunks in their fixed order: records, or pictures that are kept."""
        if self._records is None and self._kept is None:
            return self._stream(self._files).batch(self._chunk_size)
        starts = tf.data.Dataset.range(0, self.num_examples, self._chunk_size)
        return starts.map(
            lambda start: self._rows(tf.range(start, tf.minimum(start + self._chunk_size, self.num_examples)))
        )

    def _rows(self, rows: tf.Tensor) -> "tf.Tensor | Prepared":
        """The rows of these numbers of what is kept."""
        if isinstance(self._kept, MappedRows):
            return self._kept.gather(rows)
        kept = self._records if self._kept is None else self._kept
        return tf.nest.map_structure(lambda values: tf.gather(values, rows), kept)

    def _epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """The batches of one epoch."""
        seeds = self._seeds(epoch)
        chunks = self._prepared(self._shuffled(epoch)).enumerate()
        return chunks.flat_map(lambda index, parsed: self._bucketed(parsed, seeds + tf.stack([index + 1, 0])))

    def _prepared(self, chunks: tf.data.Dataset) -> tf.data.Dataset:
        """Chunks of texts as model inputs."""
        return (chunks.map(self._prepare) if self._kept is None else chunks).prefetch(1)

    def _pictures(self, chunks: tf.data.Dataset) -> tf.data.Dataset:
        """Chunks, each a batch, as `(inputs, label)`."""
        batches = chunks.map(self._prepare, num_parallel_calls=_WORKERS) if self._kept is None else chunks
        return batches.map(_apart)

    def _seeds(self, epoch: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.constant(self._seed, tf.int64), epoch])

    def _shuffled(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """Chunks of an epoch: records, or pictures that are kept."""
        seeds = self._seeds(epoch)
        if self._records is None and self._kept is None:
            return self._shuffled_stream(seeds)
        order = tf.random.experimental.stateless_shuffle(tf.range(self.num_examples), seeds)
        starts = tf.data.Dataset.range(0, self.num_examples, self._chunk_size)
        rows = starts.map(lambda start: order[start : start + self._chunk_size])
        return rows.map(self._rows)

    def _shuffled_stream(self, seeds: tf.Tensor) -> tf.data.Dataset:
        """Shards in random order, through a buffer of as many records as may be kept in memory."""
        files = tf.random.experimental.stateless_shuffle(tf.constant(self._files), seeds)
        buffer = max(self._chunk_size, self._cache_bytes * self.num_examples // max(self._bytes, 1))
        seed = tf.random.stateless_uniform((), seeds, 0, 1 << 62, tf.int64)
        records = self._stream(files).shuffle(buffer, seed=seed, reshuffle_each_iteration=False)
        return records.batch(self._chunk_size)

    def _bucketed(self, parsed: dict[str, "tf.Tensor | tf.RaggedTensor"], seeds: tf.Tensor) -> tf.data.Dataset:
        """A chunk's batches: like lengths together, batches in random order."""
        size = tf.shape(parsed[LABEL], tf.int64)[0]
        rows = tf.range(size)
        if self._bucket:
            noise = tf.random.stateless_uniform((size,), seeds, 1.0 - LENGTH_NOISE, 1.0 + LENGTH_NOISE)
            rows = tf.argsort(_lengths(parsed) * noise)
        batches = tf.range((size + self.batch_size - 1) // self.batch_size)
        batches = tf.random.experimental.stateless_shuffle(batches, seeds)
        return self._cut(parsed, rows, batches)

    def _in_order(self, parsed: dict[str, "tf.Tensor | tf.RaggedTensor"]) -> tf.data.Dataset:
        size = tf.shape(parsed[LABEL], tf.int64)[0]
        rows = tf.argsort(_lengths(parsed), stable=True) if self._bucket else tf.range(size)
        return self._cut(parsed, rows, tf.range((size + self.batch_size - 1) // self.batch_size))

    def _cut(
        self, parsed: dict[str, "tf.Tensor | tf.RaggedTensor"], rows: tf.Tensor, batches: tf.Tensor
    ) -> tf.data.Dataset:
        def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            mine = rows[index * self.batch_size : (index + 1) * self.batch_size]
            rows_of = {name: tf.gather(value, mine) for name, value in parsed.items()}
            return _apart(pad(rows_of, self._length_multiple))

        return tf.data.Dataset.from_tensor_slices(batches).map(batch)

    def _finish(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        options = tf.data.Options()
        options.deterministic = True
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        if self._is_pictures:
            options.threading.private_threadpool_size = 0  # one thread a core, for `iterate` to make stand back
        return dataset.prefetch(8).with_options(options)


def _lengths(parsed: Mapping[str, "tf.Tensor | tf.RaggedTensor"]) -> tf.Tensor:
    """Length of each example's longest input, float32 `(examples,)`."""
    lengths = [value.row_lengths() for value in parsed.values() if isinstance(value, tf.RaggedTensor)]
    return tf.cast(tf.reduce_max(tf.stack(lengths), axis=0), tf.float32)


def _bytes_of(values: "tf.Tensor | tf.RaggedTensor") -> int:
    flat = values.flat_values if isinstance(values, tf.RaggedTensor) else values
    return int(tf.size(flat)) * flat.dtype.size


def _apart(values: Prepared) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    return {name: value for name, value in values.items() if name != LABEL}, values[LABEL]
