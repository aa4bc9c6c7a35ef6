"""Files of predictions: Parquet, CSV, or TFRecords of PredictionLog, written chunk by chunk."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.config.inference import OutputFormat
from schemas.ingestion import SOURCE
from schemas.tfrecords import write_record
from serving.protos import prediction_log_pb2
from serving.tensors import write

SUFFIXES: Final[Mapping[OutputFormat, str]] = {"parquet": ".parquet", "csv": ".csv", "prediction-log": ".tfrecord"}

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Predictions:
    """Some rows and what the model says of them.

    Args:
        origins: `file:line` of each row.
        kept: columns that go along, by name; None for a missing value.
        inputs: what the model was asked, by input.
        outputs: what it answered, by output; `(rows,)` or `(rows, width)`.
    """

    origins: Sequence[str]
    kept: Mapping[str, Sequence[str | int | float | None]]
    inputs: Mapping[str, Sequence[bytes]]
    outputs: Mapping[str, Array]


class PredictionWriter(Protocol):
    """A file that is being written."""

    def write(self, chunk: Predictions) -> None:
        """Appends rows. Raises an OSError where the disk does."""

    def close(self) -> None:
        """Ends the file."""


def open_writer(format: OutputFormat, path: Path, model: str, classes: Sequence[str]) -> PredictionWriter:
    """A new file.

    Args:
        format: what it is.
        path: where; it must not be there.
        model: the model's name.
        classes: the label's words in the order of the scores; they name the columns of scores in CSV.
    """
    if format == "csv":
        return CsvPredictions(path, classes)
    return ParquetPredictions(path) if format == "parquet" else PredictionLogs(path, model)


class ParquetPredictions:
    """A column for each kept column and output; outputs of several values are lists. A row group a chunk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, chunk: Predictions) -> None:
        columns = {SOURCE: pa.array(chunk.origins, pa.string())}
        columns |= {name: _kept_array(values) for name, values in chunk.kept.items()}
        columns |= {name: _array(values) for name, values in chunk.outputs.items()}
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class CsvPredictions:
    """As in Parquet, but that each value of a list has a column of its own: `scores.earn`, or `embedding.0`."""

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._classes, self._has_header = classes, False
        self._file = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def write(self, chunk: Predictions) -> None:
        columns = dict(self._columns(chunk))
        if not self._has_header:
            self._writer.writerow(columns)
            self._has_header = True
        self._writer.writerows(zip(*columns.values(), strict=True))

    def close(self) -> None:
        self._file.close()

    def _columns(self, chunk: Predictions) -> Iterator[tuple[str, Sequence[object]]]:
        yield SOURCE, chunk.origins
        yield from chunk.kept.items()
        for name, values in chunk.outputs.items():
            if values.ndim == 1:
                yield name, _plain(values)
                continue
            width = values.shape[1]
            names = self._classes if len(self._classes) == width else range(width)
            for place, of in enumerate(names):
                yield f"{name}.{of}", _plain(values[:, place])


class PredictionLogs:
    """TFX's format: a PredictionLog of the request and the response for each row. Kept columns have no place in it."""

    def __init__(self, path: Path, model: str) -> None:
        self._file, self._model = path.open("xb", buffering=1 << 20), model

    def write(self, chunk: Predictions) -> None:
        for row in range(len(chunk.origins)):
            log = prediction_log_pb2.PredictionLog()
            request, response = log.predict_log.request, log.predict_log.response
            for message in (request, response):
                message.model_spec.name, message.model_spec.signature_name = self._model, "serving_default"
            for name, values in chunk.inputs.items():
                write(request.inputs[name], np.array([values[row]], object))
            for name, array in chunk.outputs.items():
                write(response.outputs[name], array[row : row + 1])
            write_record(self._file, log.SerializeToString(deterministic=True))

    def close(self) -> None:
        self._file.close()


def _kept_array(values: Sequence[str | int | float | None]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    return pa.array(
        values, pa.string() if not kinds or str in kinds else pa.float64() if float in kinds else pa.int64()
    )


def _array(values: Array) -> pa.Array:
    kind = pa.string() if values.dtype == object else pa.from_numpy_dtype(values.dtype)
    if values.ndim == 1:
        return pa.array(_plain(values), kind)
    return pa.array([_plain(row) for row in values], pa.list_(kind))


def _plain(values: Array) -> list[Any]:
    """NumPy's values as Python's own; float32 as the shortest number that is the same float32."""
    if values.dtype == object:
        return [value.decode("utf-8", "replace") for value in values]
    if values.dtype == np.float32:
        return [float(str(value)) for value in values]
    return values.tolist()
