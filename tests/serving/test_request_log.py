import logging
import time
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import ConfigError
from schemas.tfrecords import read_records
from serving.interface import Classes
from serving.protos import example_pb2, prediction_log_pb2
from serving.request_log import RequestLog, RequestLogOptions
from serving.tensors import to_array
from tests.serving.clients import until


def _read(folder: Path) -> list[prediction_log_pb2.PredictionLog]:
    found = []
    for path in sorted(folder.rglob("*.tfrecord")):
        assert path.stat().st_mode & 0o777 == 0o600
        with path.open("rb") as file:
            found += [prediction_log_pb2.PredictionLog.FromString(record) for record in read_records(file)]
    return found


def _example() -> bytes:
    example = example_pb2.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    return bytes(example.SerializeToString())


def test_requests_and_answers_are_tf_servings_messages(tmp_path: Path) -> None:
    log = RequestLog(RequestLogOptions(tmp_path / "logs", sampling_rate=1.0))
    before = int(time.time())
    text = np.array(["é".encode(), b"\xff"], object)
    log.predicted("r8", 3, "serving_default", {"text": text}, {"score": np.float32([0.5, 0.25])})
    classes = Classes(np.array([[b"a", b"b"]], object), np.float32([[0.75, 0.25]]))
    log.classified("r8", 3, "classify", [_example()], classes)
    log.regressed("price", 1, "regress", [_example()], np.float32([7.5]))
    log.close()
    price, predict, classify = _read(tmp_path / "logs")
    metadata = predict.log_metadata
    assert (metadata.model_spec.name, metadata.model_spec.version.value) == ("r8", 3)
    assert metadata.sampling_config.sampling_rate == 1.0 and before <= metadata.timestamp_secs <= time.time()
    assert to_array(predict.predict_log.request.inputs["text"]).tolist() == text.tolist()
    assert to_array(predict.predict_log.response.outputs["score"]).tolist() == [0.5, 0.25]
    (found,) = classify.classify_log.response.result.classifications
    assert [(one.label, one.score) for one in found.classes] == [("a", 0.75), ("b", 0.25)]
    (example,) = price.regress_log.request.input.example_list.examples
    assert example.features.feature["x"].float_list.value == [2.0]
    assert price.regress_log.response.result.regressions[0].value == 7.5


def test_a_share_is_taken(tmp_path: Path) -> None:
    log = RequestLog(RequestLogOptions(tmp_path, sampling_rate=0.25), seed=1)
    for _ in range(800):
        log.predicted("r8", 1, "s", {}, {})
        time.sleep(0.0001)
    log.close()
    assert 150 < len(_read(tmp_path)) < 250


def test_files_are_whole_under_their_names(tmp_path: Path) -> None:
    log = RequestLog(RequestLogOptions(tmp_path, sampling_rate=1.0, file_bytes=2000))
    values = np.zeros(100, np.float32)
    for _ in range(20):
        log.predicted("r8", 1, "s", {"x": values}, {})
    until(lambda: len(list(tmp_path.rglob("requests-*.tfrecord"))) > 2)
    log.close()
    assert len(_read(tmp_path)) == 20
    assert list(tmp_path.rglob(".*")) == []


def test_what_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(RequestLogOptions(tmp_path, sampling_rate=1.0))
    (tmp_path / "r8").write_text("in the way")
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            log.predicted("r8", 1, "s", {}, {})
        log.close()
    assert caplog.text.count("The request log cannot be written to") == 1
    with pytest.raises(ConfigError, match="`--request_log` must be a folder"):
        RequestLog(RequestLogOptions(tmp_path / "r8" / "below"))
