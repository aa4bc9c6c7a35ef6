"""Examples in and out of Beam, in batches.

Records never cross a stage of a Beam pipeline: one DoFn reads a shard in batches, what follows is fused with it, and
one DoFn writes shards. What crosses stages are file names and accumulators, so memory does not grow with the data.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf

from schemas.ingestion import FeatureType

DTYPES: Mapping[FeatureType, tf.DType] = {"BYTES": tf.string, "INT": tf.int64, "FLOAT": tf.float32}

BATCH_SIZE = 1024
"""Examples a batch: large enough that TensorFlow's ops run at full speed, some 1.5 MB of ordinary text."""

SHARD_BYTES = 64 << 20
"""A shard is closed once it holds this many bytes of records."""

Batch = dict[str, "tf.Tensor | tf.RaggedTensor"]


def parse_spec(columns: Mapping[str, FeatureType], *, ragged: bool) -> dict[str, object]:
    """The spec for tf.io.parse_example.

    Ragged, a feature is a RaggedTensor `(batch_size, None)` in which a missing value is an empty row; otherwise it is
    a tensor `(batch_size,)` and a missing value is an empty string or zero.
    """
    if ragged:
        return {name: tf.io.RaggedFeature(DTYPES[kind], row_splits_dtype=tf.int64) for name, kind in columns.items()}
    empty = {"BYTES": "", "INT": 0, "FLOAT": 0.0}
    return {name: tf.io.FixedLenFeature((), DTYPES[kind], empty[kind]) for name, kind in columns.items()}


def read_batches(
    shards: Sequence[str], columns: Mapping[str, FeatureType], *, ragged: bool = False, batch_size: int = BATCH_SIZE
) -> Iterator[Batch]:
    """Parsed batches of TFRecord files, in order; reading and parsing run ahead on TensorFlow's threads."""
    spec = parse_spec(columns, ragged=ragged)
    dataset = tf.data.TFRecordDataset(list(shards), buffer_size=1 << 20)
    dataset = dataset.batch(batch_size).map(lambda records: tf.io.parse_example(records, spec), num_parallel_calls=2)
    yield from dataset.prefetch(2)


class ReadBatches(beam.PTransform):
    """Batches of examples (see `parse_spec`), one bundle a shard.

    Args:
        shards: TFRecord files.
        columns: features to parse and their types.
        ragged: keep missing and multiple values apart.
        batch_size: examples a batch; the last of a shard is shorter.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        columns: Mapping[str, FeatureType],
        *,
        ragged: bool = False,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        super().__init__()
        self._shards = [str(path) for path in shards]
        self._options: dict[str, Any] = {"columns": dict(columns), "ragged": ragged, "batch_size": batch_size}

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        options = self._options
        return (
            pbegin
            | "Shards" >> beam.Create(self._shards, reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.FlatMap(lambda shard: read_batches([shard], **options))
        )


@dataclass(frozen=True)
class WrittenShard:
    """A finished file under a temporary name. `order` sorts the shards of a split, whichever worker wrote them."""

    split: str
    order: tuple[int, int]
    path: str
    count: int


class ShardWriter:
    """Writes serialized examples of one unit of work (an input file, say) and split into shards of bounded size.

    Files have unique temporary names, so that a retried bundle never collides; `commit_shards` gives the final ones.

    Args:
        folder: the split's folder.
        split: its name.
        unit: the unit's place among all units of the split.
    """

    def __init__(self, folder: Path, split: str, unit: int, *, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder, self._split, self._unit, self._shard_bytes = folder, split, unit, shard_bytes
        self._writer: tf.io.TFRecordWriter | None = None
        self._path, self._bytes, self._count = "", 0, 0
        self._written: list[WrittenShard] = []

    def write(self, record: bytes) -> None:
        writer = self._writer or self._open()
        writer.write(record)
        self._bytes += len(record)
        self._count += 1
        if self._bytes >= self._shard_bytes:
            self._close_shard()

    def close(self) -> list[WrittenShard]:
        """Flushes the last shard and returns all of them."""
        self._close_shard()
        return self._written

    def _open(self) -> tf.io.TFRecordWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = str(self._folder / f".{self._unit:05d}-{len(self._written):05d}-{uuid.uuid4().hex}")
        self._writer, self._bytes, self._count = tf.io.TFRecordWriter(self._path), 0, 0
        return self._writer

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        order = (self._unit, len(self._written))
        self._written.append(WrittenShard(self._split, order, self._path, self._count))


def commit_shards(uri: Path, shards: Sequence[WrittenShard]) -> dict[str, int]:
    """Gives finished shards their names `Split-<split>/data_tfrecord-NNNNN-of-NNNNN`; returns examples by split."""
    counts: dict[str, int] = {}
    for split in sorted({shard.split for shard in shards}):
        mine = sorted((shard for shard in shards if shard.split == split), key=lambda shard: shard.order)
        for index, shard in enumerate(mine):
            target = uri / f"Split-{split}" / f"data_tfrecord-{index:05d}-of-{len(mine):05d}"
            Path(shard.path).rename(target)
        counts[split] = sum(shard.count for shard in mine)
    return counts
