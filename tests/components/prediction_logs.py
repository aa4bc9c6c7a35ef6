"""Request logs with times and versions of a test's choice, as a server writes them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.tfrecords import write_record
from serving.protos import example_pb2, prediction_log_pb2
from serving.tensors import write

NOW = 1_780_000_000
DAY = 86_400


def predicted(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    scores: Sequence[float] | None = None,
    version: int = 7,
    time: int = NOW - 60,
    model: str = "tickets",
    signature: str = "serving_default",
) -> bytes:
    """A Predict of some rows, as a record."""
    log = _log(model, version, time, signature)
    write(log.predict_log.request.inputs["text"], np.array([text.encode() for text in texts], object))
    log.predict_log.request.model_spec.signature_name = signature
    outputs = log.predict_log.response.outputs
    write(outputs["label"], np.array([label.encode() for label in labels], object))
    write(outputs["score"], np.float32([0.9] * len(labels) if scores is None else scores))
    return bytes(log.SerializeToString())


def pictured(pictures: Sequence[bytes], labels: Sequence[str], *, version: int = 7, time: int = NOW - 60) -> bytes:
    """A Predict of encoded pictures."""
    log = _log("tickets", version, time, "serving_default")
    write(log.predict_log.request.inputs["image"], np.array(pictures, object))
    write(log.predict_log.response.outputs["label"], np.array([label.encode() for label in labels], object))
    return bytes(log.SerializeToString())


def classified(
    rows: Iterable[Mapping[str, Any]], labels: Sequence[str], *, version: int = 7, time: int = NOW - 60
) -> bytes:
    """A Classify of tf.Examples."""
    log = _log("tickets", version, time, "classify")
    for row in rows:
        example = log.classify_log.request.input.example_list.examples.add()
        _fill(example, row)
    for label in labels:
        found = log.classify_log.response.result.classifications.add()
        found.classes.add(label="other", score=0.1)
        found.classes.add(label=label, score=0.8)
    return bytes(log.SerializeToString())


def regressed(values: Sequence[float], *, time: int = NOW - 60) -> bytes:
    log = _log("tickets", 7, time, "regress")
    for place, value in enumerate(values):
        _fill(log.regress_log.request.input.example_list.examples.add(), {"text": f"text {place}"})
        log.regress_log.response.result.regressions.add(value=value)
    return bytes(log.SerializeToString())


def write_log(path: Path, records: Iterable[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for record in records:
            write_record(file, record)
    return path


def _log(model: str, version: int, time: int, signature: str) -> Any:
    log = prediction_log_pb2.PredictionLog()
    spec = log.log_metadata.model_spec
    spec.name, spec.version.value, spec.signature_name = model, version, signature
    log.log_metadata.timestamp_secs = time
    return log


def _fill(example: example_pb2.Example, row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
