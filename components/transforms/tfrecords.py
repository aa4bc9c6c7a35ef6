"""Examples read in batches, within a Beam worker.

Records never cross a stage of a Beam pipeline: one DoFn reads a shard in batches, what follows is fused with it, and
one DoFn writes shards (see `components/transforms/shards.py`). What crosses stages are file names and accumulators, so
memory does not grow with the data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from models.dtypes import DTYPES, dense_spec
from schemas.ingestion import FeatureType

BATCH_SIZE = 1024
"""Examples a batch: large enough that TensorFlow's ops run at full speed, some 1.5 MB of ordinary text."""

_BATCH_BYTES = 8 << 20

Batch = dict[str, "tf.Tensor | tf.RaggedTensor"]


def parse_spec(columns: Mapping[str, FeatureType], *, ragged: bool) -> dict[str, object]:
    """The spec for tf.io.parse_example.

    Ragged, a feature is a RaggedTensor `(batch_size, None)` in which a missing value is an empty row; otherwise it is
    a tensor `(batch_size,)` and a missing value is an empty string or zero.
    """
    if ragged:
        return {name: tf.io.RaggedFeature(DTYPES[kind], row_splits_dtype=tf.int64) for name, kind in columns.items()}
    return dict(dense_spec(columns))


def batch_size_for(shards: Iterable[Path], rows: int, most: int = BATCH_SIZE) -> int:
    """Examples that are read together where an example may be as large as a picture: at most some 8 MiB.

    Args:
        shards: TFRecord files.
        rows: examples in them.
        most: examples at most, however small they are.
    """
    size = sum(path.stat().st_size for path in shards)
    return max(1, min(most, _BATCH_BYTES * rows // max(size, 1)))


def read_batches(
    shards: Sequence[str], columns: Mapping[str, FeatureType], *, ragged: bool = False, batch_size: int = BATCH_SIZE
) -> Iterator[Batch]:
    """Parsed batches of TFRecord files, in order; reading and parsing run ahead on TensorFlow's threads."""
    spec = parse_spec(columns, ragged=ragged)
    parse = tf.autograph.experimental.do_not_convert(lambda records: tf.io.parse_example(records, spec))
    yield from read_records(shards).batch(batch_size).map(parse, num_parallel_calls=2).prefetch(2)


def read_records(shards: Sequence[str]) -> tf.data.Dataset:
    """Serialized examples of TFRecord files, in order.

    Of a data set made of this one nothing is tuned: where parallelism is given there is nothing to find, and the tuner
    takes up to a second to end, for each shard.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.TFRecordDataset(list(shards), buffer_size=1 << 20).with_options(options)
