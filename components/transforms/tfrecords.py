"""Examples in and out of Beam, in batches.

Records never cross a stage of a Beam pipeline: one DoFn reads a shard in batches, what follows is fused with it, and
one DoFn writes shards (see `components/transforms/shards.py`). What crosses stages are file names and accumulators, so
memory does not grow with the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf

from components.transforms.shards import ShardWriter, WrittenShard, commit_shards
from schemas.ingestion import FeatureType

__all__ = [
    "BATCH_SIZE",
    "DTYPES",
    "Batch",
    "ReadBatches",
    "ShardWriter",
    "WrittenShard",
    "commit_shards",
    "parse_spec",
    "read_batches",
]

DTYPES: Mapping[FeatureType, tf.DType] = {"BYTES": tf.string, "INT": tf.int64, "FLOAT": tf.float32}

BATCH_SIZE = 1024
"""Examples a batch: large enough that TensorFlow's ops run at full speed, some 1.5 MB of ordinary text."""

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
    parse = tf.autograph.experimental.do_not_convert(lambda records: tf.io.parse_example(records, spec))
    dataset = tf.data.TFRecordDataset(list(shards), buffer_size=1 << 20)
    yield from dataset.batch(batch_size).map(parse, num_parallel_calls=2).prefetch(2)


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
