"""Warm-up requests: TensorFlow reads the file, and it asks for what stands in the examples."""

import io
from pathlib import Path

import numpy as np

from components.warmup import Row, input_arrays, rows_of, sample_records, warmup_requests
from schemas.artifacts import Examples
from schemas.tfrecords import read_records
from serving.protos import prediction_log_pb2
from tests.components.conftest import DataSteps

COLUMNS = {"body": "BYTES", "likes": "INT", "price": "FLOAT", "label": "BYTES"}
FEATURES = {"text": "body", "likes": "likes", "price": "price"}
TYPES = {"text": "BYTES", "likes": "INT", "price": "FLOAT"}


def _examples(steps: DataSteps) -> Examples:
    rows = [
        {"body": "eins ☃", "likes": 3, "price": 0.5, "label": "a"},
        {"body": None, "likes": None, "price": None, "label": "b"},
        {"body": "drei", "likes": -1, "price": 2.0, "label": "a"},
    ]
    return steps.examples({"test": rows}, COLUMNS, shards=2)


def _rows(shards: list[Path], count: int) -> list[Row]:
    return rows_of(sample_records(shards, count), FEATURES, COLUMNS)


def test_rows_are_the_first_examples(steps: DataSteps) -> None:
    shards = _examples(steps).shards("test")
    first = {"text": "eins ☃".encode(), "likes": 3, "price": 0.5}
    assert _rows(shards, 1) == [first]
    missing = {"text": b"", "likes": 0, "price": 0.0}  # as the exported graph has it
    last = {"text": b"drei", "likes": -1, "price": 2.0}
    assert _rows(shards, 9) == [first, last, missing]


def test_large_examples_are_fewer(steps: DataSteps) -> None:
    rows = [{"body": "x" * (3 << 20), "likes": i} for i in range(3)]
    shards = steps.examples({"test": rows}, COLUMNS).shards("test")
    assert [row["likes"] for row in _rows(shards, 3)] == [0]


def test_tensorflow_reads_a_request_for_each_row_and_one_for_all(steps: DataSteps, tmp_path: Path) -> None:
    import tensorflow as tf

    rows = _rows(_examples(steps).shards("test"), 2)
    (tmp_path / "requests").write_bytes(warmup_requests(rows, TYPES, "news"))
    records = [record.numpy() for record in tf.data.TFRecordDataset([str(tmp_path / "requests")])]
    requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    assert {(r.model_spec.name, r.model_spec.signature_name) for r in requests} == {("news", "serving_default")}
    assert [tf.make_ndarray(request.inputs["likes"]).tolist() for request in requests] == [[3], [-1], [3, -1]]
    assert tf.make_ndarray(requests[2].inputs["text"]).tolist() == ["eins ☃".encode(), b"drei"]
    assert [tf.make_ndarray(requests[1].inputs[name]).dtype for name in ("likes", "price")] == [np.int64, np.float32]


def test_one_row_is_one_request_and_none_is_none() -> None:
    row = {"text": b"a", "likes": 1, "price": 1.0}
    assert len(list(read_records(io.BytesIO(warmup_requests([row], TYPES, "m"))))) == 1
    assert warmup_requests([], TYPES, "m") == b""
    assert input_arrays([row] * 2, TYPES)["price"].tolist() == [1.0, 1.0]
