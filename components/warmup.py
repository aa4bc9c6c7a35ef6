"""Warm-up requests: what a model server asks a new version before anybody else may, so that nobody waits for it.

TFRecords of PredictionLog in `assets.extra`, which TF Serving and ours replay when they load a version:
https://www.tensorflow.org/tfx/serving/saved_model_warmup.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from schemas.ingestion import FeatureType
from schemas.tfrecords import read_records, write_record
from serving.protos import example_pb2, prediction_log_pb2
from serving.tensors import write

WARMUP: Final = PurePosixPath("assets.extra/tf_serving_warmup_requests")

_SIGNATURE: Final = "serving_default"
_MOST_BYTES: Final = 4 << 20
"""Bytes of examples; pictures may be large, and every load of the model reads the file."""

_KINDS: Final[Mapping[FeatureType, tuple[str, Any, Any]]] = {
    "BYTES": ("bytes_list", b"", np.object_),
    "INT": ("int64_list", 0, np.int64),
    "FLOAT": ("float_list", 0.0, np.float32),
}
"""Field of the values, what stands for a missing one (as in the exported graph), and the tensor's dtype."""

Row = Mapping[str, bytes | int | float]
"""Model input to value."""


def sample_records(shards: Sequence[Path], count: int) -> list[bytes]:
    """The first examples, as far as they are no more than some 4 MiB in all; at least one, if there is any.

    Args:
        shards: TFRecord files of serialized tf.Example.
        count: examples at most.
    """
    records, size = list[bytes](), 0
    for record in islice(_records(shards), count):
        size += len(record)
        if records and size > _MOST_BYTES:
            break
        records.append(record)
    return records


def rows_of(records: Sequence[bytes], features: Mapping[str, str], columns: Mapping[str, FeatureType]) -> list[Row]:
    """Serialized examples as rows of model inputs.

    Args:
        records: the examples.
        features: model input to column.
        columns: type of each column.
    """
    examples = [example_pb2.Example.FromString(record) for record in records]
    return [
        {name: _value(example, column, columns[column]) for name, column in features.items()} for example in examples
    ]


def input_arrays(rows: Sequence[Row], types: Mapping[str, FeatureType]) -> dict[str, np.ndarray[Any, Any]]:
    """Model inputs, each `(batch_size,)`."""
    return {name: np.array([row[name] for row in rows], _KINDS[kind][2]) for name, kind in types.items()}


def warmup_requests(rows: Sequence[Row], types: Mapping[str, FeatureType], model: str) -> bytes:
    """The file's content: a request for each row alone, then one for all of them.

    Batches of one and of several may take different ways through a graph.

    Args:
        rows: what to ask; nothing gives an empty file.
        types: type of each model input.
        model: name of the served model.
    """
    file = io.BytesIO()
    for batch in [[row] for row in rows] + [list(rows)] * (len(rows) > 1):
        log = prediction_log_pb2.PredictionLog()
        request = log.predict_log.request
        request.model_spec.name, request.model_spec.signature_name = model, _SIGNATURE
        for name, array in input_arrays(batch, types).items():
            write(request.inputs[name], array)
        write_record(file, log.SerializeToString(deterministic=True))
    return file.getvalue()


def _records(shards: Sequence[Path]) -> Iterator[bytes]:
    for shard in shards:
        with shard.open("rb") as file:
            yield from read_records(file)


def _value(example: Any, column: str, kind: FeatureType) -> Any:
    field, missing, _ = _KINDS[kind]
    values = getattr(example.features.feature[column], field).value if column in example.features.feature else ()
    return values[0] if values else missing
