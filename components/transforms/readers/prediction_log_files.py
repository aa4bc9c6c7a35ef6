"""TFRecord files of PredictionLog: what a model server was asked, and answered.

A row for every row of a request to Predict, with its inputs by name, its outputs as `predicted_<output>`,
`model_version`, and `request_time` in seconds since 1970; `_source` counts records from 1. Requests to Classify and
Regress have their examples' features, and `predicted_label` and `predicted_score`, or `predicted_value`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError

from components.transforms.readers import PROBED_ROWS, WHOLE, Part, Row, Source, empty, opened, probe_rows
from components.transforms.readers.tfrecord_files import feature_value
from schemas.errors import DataError
from schemas.ingestion import FeatureType
from schemas.tfrecords import CorruptRecordError, read_records

_PREDICTED = "predicted_"
_VERSION = "model_version"
_TIME = "request_time"


@dataclass(frozen=True)
class PredictionLogReader:
    """A value that is one stays one; several are a list."""

    def probe(self, source: Source) -> Mapping[str, FeatureType | None]:
        columns = probe_rows(islice((row for _, rows in _requests(source) for row in rows or ()), PROBED_ROWS))
        if not columns:
            raise DataError(
                f"`{source.shown}` has no request to Predict, Classify or Regress in its first records. Format"
                " `prediction-log` is a TFRecord file of PredictionLog, as `trainworks serve --request_log` writes it."
            )
        return columns

    def parts(self, source: Source) -> Iterator[Part]:
        yield WHOLE

    def rows(self, source: Source, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        for number, rows in _requests(source):
            if rows is None:
                yield Row(number, defect="malformed_row")
                continue
            for row in rows:
                yield Row(number, [row.get(name) for name in columns])


def _requests(source: Source) -> Iterator[tuple[int, list[dict[str, object]] | None]]:
    """Number of a record, and its rows; None for one that is no PredictionLog, or does not fit together."""
    from serving.protos import prediction_log_pb2

    number = 0
    with opened(source) as file:
        try:
            for number, record in enumerate(read_records(file), 1):
                try:
                    yield number, _rows(prediction_log_pb2.PredictionLog.FromString(record))
                except (DecodeError, ValueError):
                    yield number, None
        except CorruptRecordError as error:
            raise DataError(f"`{source.shown}` is not a sound TFRecord file: {error}. Write it again.") from error
    if number == 0:
        raise empty(source)


def _rows(log: Any) -> list[dict[str, object]]:
    metadata = log.log_metadata
    version = {_VERSION: metadata.model_spec.version.value, _TIME: metadata.timestamp_secs}
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request, response = log.predict_log.request, log.predict_log.response
        columns = {**columns_of(request.inputs), **columns_of(response.outputs, _PREDICTED)}
        return [{**dict(zip(columns, row, strict=True)), **version} for row in zip(*columns.values(), strict=True)]
    if kind == "classify_log":
        best = [
            max(one.classes, key=lambda found: found.score, default=None)
            for one in log.classify_log.response.result.classifications
        ]
        answers: list[dict[str, object]] = [
            {} if one is None else {f"{_PREDICTED}label": one.label.encode(), f"{_PREDICTED}score": one.score}
            for one in best
        ]
        return _examples(log.classify_log.request.input, answers, version)
    if kind == "regress_log":
        values = [{f"{_PREDICTED}value": one.value} for one in log.regress_log.response.result.regressions]
        return _examples(log.regress_log.request.input, values, version)
    return []


def columns_of(tensors: Mapping[str, Any], prefix: str = "") -> dict[str, list[Any]]:
    """Values by row of the tensors that have rows, in the order of their names."""
    from serving.tensors import to_array

    arrays = {prefix + name: to_array(tensors[name]) for name in sorted(tensors)}
    return {name: [_value(row) for row in array.tolist()] for name, array in arrays.items() if array.ndim}


def _value(row: object) -> object:
    if isinstance(row, bool):
        return int(row)
    if not isinstance(row, list):
        return row
    return _value(row[0]) if len(row) == 1 else row or None


def _examples(
    given: Any, answers: Sequence[Mapping[str, object]], version: Mapping[str, object]
) -> list[dict[str, object]]:
    examples = given.example_list.examples
    return [
        {**{name: feature_value(feature) for name, feature in example.features.feature.items()}, **answer, **version}
        for example, answer in zip(examples, answers, strict=True)
    ]
