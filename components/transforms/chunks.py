"""Examples for a model to answer: read in chunks, given to it in calls, both of bounded size."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import saved_model_pb2

from components.transforms.tfrecords import read_records

_CHUNK_ROWS, _CHUNK_BYTES = 8192, 32 << 20
"""Examples that are sorted by length and tallied together."""

ROWS, PICTURES, _CALL_BYTES = 512, 32, 8 << 20
"""Examples a call of the model: enough for full speed. A model of pictures makes much of a few bytes: of one of 224x224
pixels, a residual network's first layer makes 3 MB."""

_READ_ROWS, _READ_BYTES, _LOOKED_AT = 256, 4 << 20, 8

_PICTURE_OPS: Final = {"DecodeImage", "DecodeJpeg", "DecodePng"}


def decodes_pictures(serving: Path) -> bool:
    """Whether a SavedModel's graph decodes pictures."""
    content = saved_model_pb2.SavedModel.FromString((serving / "saved_model.pb").read_bytes())
    functions = (function for graph in content.meta_graphs for function in graph.graph_def.library.function)
    return any(node.op in _PICTURE_OPS for function in functions for node in function.node_def)


def read_chunks(shard: str) -> Iterator[NDArray[np.object_]]:
    """Serialized examples of a shard, in arrays of bounded rows and bytes, sorted by length.

    Examples of like length are then scored together, and short texts do not pay for the padding of long ones.
    """
    parts: list[NDArray[np.object_]] = []
    rows = size = 0
    records = read_records([shard])
    for batch in records.batch(_rows_at_once(records)).prefetch(4):
        parts.append(batch.numpy())
        rows, size = rows + len(parts[-1]), size + int(tf.reduce_sum(tf.strings.length(batch)))
        if rows >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield _by_length(parts)
            parts, rows, size = [], 0, 0
    if parts:
        yield _by_length(parts)


def calls(records: NDArray[np.object_], most: int = ROWS) -> Iterator[NDArray[np.object_]]:
    """Cuts a chunk, sorted by length, into calls of the model with at most so many examples."""
    start = 0
    while start < len(records):
        rows = most
        while rows > 1 and len(records[min(start + rows, len(records)) - 1]) * rows > _CALL_BYTES:
            rows //= 2
        yield records[start : start + rows]
        start += rows


def _rows_at_once(records: tf.data.Dataset) -> int:
    """As many examples as the first ones let hope to be some 4 MiB."""
    for first in records.batch(_LOOKED_AT).take(1):
        largest = int(tf.reduce_max(tf.strings.length(first)))
        return max(1, min(_READ_ROWS, _READ_BYTES // max(largest, 1)))
    return 1


def _by_length(parts: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
    records = np.concatenate(parts)
    return records[np.argsort(tf.strings.length(records).numpy(), kind="stable")]
