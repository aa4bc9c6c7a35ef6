"""What a server wrote is what ExampleGen reads."""

from pathlib import Path

import numpy as np
import pytest

from components.transforms.readers import WHOLE, Source, make_reader
from schemas.config import DataConfig
from schemas.errors import DataError
from schemas.tfrecords import write_record
from serving.interface import Classes
from serving.protos import example_pb2
from serving.request_log import RequestLog, RequestLogOptions

DATA = {"format": "prediction-log", "splits": {"train": "*"}, "features": {"text": "text"}, "label": "predicted_label"}


def _logged(folder: Path) -> Source:
    log = RequestLog(RequestLogOptions(folder, sampling_rate=1.0))
    text, label = np.array([b"one", "zwé".encode()], object), np.array([b"a", b"b"], object)
    outputs = {"label": label, "score": np.float32([0.5, 0.25]), "scores": np.float32([[1, 2], [3, 4]])}
    log.predicted("r8", 3, "serving_default", {"text": text, "count": np.array([[1], [2]])}, outputs)
    example = example_pb2.Example()
    example.features.feature["text"].bytes_list.value.append(b"three")
    classes = Classes(np.array([[b"a", b"b"]], object), np.float32([[0.25, 0.75]]))
    log.classified("r8", 4, "classify", [example.SerializeToString()], classes)
    log.close()
    (path,) = folder.rglob("*.tfrecord")
    return Source("train", str(path), path.name)


def test_rows_are_those_of_the_requests(tmp_path: Path) -> None:
    reader, source = make_reader(DataConfig.model_validate(DATA), tmp_path), _logged(tmp_path)
    columns = dict(reader.probe(source))
    assert columns == {
        "count": "INT",
        "text": "BYTES",
        "predicted_label": "BYTES",
        "predicted_score": "FLOAT",
        "predicted_scores": "BYTES",
        "model_version": "INT",
        "request_time": "INT",
    }
    names = ["text", "count", "predicted_label", "predicted_score", "predicted_scores", "model_version"]
    assert [(row.line, list(row.values)) for row in reader.rows(source, WHOLE, names)] == [
        (1, [b"one", 1, b"a", 0.5, [1.0, 2.0], 3]),
        (1, ["zwé".encode(), 2, b"b", 0.25, [3.0, 4.0], 3]),
        (2, [b"three", None, b"b", 0.75, None, 4]),
    ]


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    reader, path = make_reader(DataConfig.model_validate(DATA), tmp_path), tmp_path / "some.tfrecord"
    with path.open("wb") as file:
        write_record(file, b"\xff no message")
    source = Source("train", str(path), path.name)
    assert [row.defect for row in reader.rows(source, WHOLE, ["text"])] == ["malformed_row"]
    with pytest.raises(DataError, match="has no request to Predict"):
        reader.probe(source)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match="is not a sound TFRecord file"):
        list(reader.rows(source, WHOLE, ["text"]))
