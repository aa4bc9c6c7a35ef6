"""Bulk inference in Beam: units of files in, files of predictions and a count of what was met out.

One DoFn reads a unit as a stream, asks the model in batches and writes; no row crosses a stage, so memory does not grow
with the data.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apache_beam as beam
import numpy as np
import tensorflow as tf
from pydantic import TypeAdapter

from components.transforms.beam import WriteBytes, beam_pipeline
from components.transforms.chunks import PICTURES, ROWS
from components.transforms.columns import text
from components.transforms.ingest import KEPT_ORIGINS, Failure, Unit
from components.transforms.predictions import SUFFIXES, Predictions, PredictionWriter, open_writer
from components.transforms.readers import Reader, Row
from schemas.config import BeamConfig
from schemas.config.inference import OutputFormat
from schemas.errors import DataError, TrainworksError
from schemas.ingestion import FeatureType

if TYPE_CHECKING:
    from components.transforms.pictures import Pictures

_SIGNATURE: Final = "serving_default"
_CHUNK_ROWS, _CHUNK_BYTES, _CALL_BYTES = 4096, 32 << 20, 8 << 20
_LARGEST_RANK: Final = 2
_WHERE: Final = ("Graph execution error", "Detected at node", "<stack traces", "File ", "Node:", "[[")


@dataclass(frozen=True)
class InferenceJob:
    """All that a worker must know.

    Args:
        serving: the SavedModel.
        model: its name.
        classes: the label's words in the order of the scores.
        reader: the format's reader.
        features: model input to column.
        kept: column to type, of columns that go along.
        pictures: what puts pictures into rows, where the model takes some.
        format: of the files of predictions.
        folder: where they go.
    """

    serving: str
    model: str
    classes: tuple[str, ...]
    reader: Reader
    features: Mapping[str, str]
    kept: Mapping[str, FeatureType]
    pictures: "Pictures | None"
    format: OutputFormat
    folder: str

    @property
    def columns(self) -> list[str]:
        """Columns to read, features first."""
        return [*self.features.values(), *self.kept]


@dataclass(frozen=True)
class Part:
    """A finished file under a temporary name; `place` is that of its unit."""

    place: int
    path: str
    rows: int


@dataclass(frozen=True)
class Inferred:
    """What came of some units: files, rows that could not be read (how many, and the first), and the first failure."""

    parts: tuple[Part, ...] = ()
    left_out: int = 0
    origins: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


_INFERRED = TypeAdapter(Inferred)


def infer_units(units: Sequence[Unit], job: InferenceJob, config: BeamConfig) -> Inferred:
    """Scores all units; the files are then `predictions-NNNNN-of-NNNNN` in the job's folder, in the order of the units.

    Raises:
        DataError: a file cannot be read, or no file has a row that can.
        TrainworksError: the model fails, or the disk.
    """
    report = Path(job.folder) / ".inferred.json"
    with beam_pipeline(config) as pipeline:
        (
            pipeline
            | beam.Create(list(units), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Infer" >> beam.ParDo(InferUnit(job))
            | "Merge" >> beam.CombineGlobally(_merged)
            | "To JSON" >> beam.Map(_INFERRED.dump_json)
            | "Report" >> WriteBytes(report)
        )
    inferred = _INFERRED.validate_json(report.read_bytes())
    report.unlink()
    if inferred.failures:
        raise inferred.failures[0].error()
    if not inferred.rows:
        first = f" The first that could not be read: {inferred.origins[0]}" if inferred.origins else ""
        raise DataError(f"Files to score must have rows that can be read. Received: none.{first}")
    return _commit(inferred, job)


def _commit(inferred: Inferred, job: InferenceJob) -> Inferred:
    """Gives files their names; those that a retried bundle left are removed."""
    parts = []
    for index, part in enumerate(sorted(inferred.parts, key=lambda part: part.place)):
        name = f"predictions-{index:05d}-of-{len(inferred.parts):05d}{SUFFIXES[job.format]}"
        parts.append(Part(part.place, str(Path(part.path).rename(Path(job.folder, name))), part.rows))
    for leftover in Path(job.folder).glob(".part-*"):
        leftover.unlink()
    return Inferred(tuple(parts), inferred.left_out, inferred.origins)


def _merged(outcomes: Iterable[Inferred]) -> Inferred:
    found = list(outcomes)
    return Inferred(
        tuple(part for one in found for part in one.parts),
        sum(one.left_out for one in found),
        tuple(sorted(origin for one in found for origin in one.origins)[:KEPT_ORIGINS]),
        tuple(sorted((failure for one in found for failure in one.failures), key=lambda f: f.place)[:1]),
    )


class InferUnit(beam.DoFn):
    """Reads one unit, writes its predictions, yields its `Inferred`."""

    def __init__(self, job: InferenceJob) -> None:
        self._job = job

    def setup(self) -> None:
        """Loads the model, once for each worker."""
        import tensorflow_text  # noqa: F401 - registers its operations

        self._model = tf.saved_model.load(self._job.serving)  # owns what the signature uses
        self._signature = self._model.signatures[_SIGNATURE]

    def process(self, unit: Unit) -> Iterator[Inferred]:
        path = Path(self._job.folder) / f".part-{uuid.uuid4().hex}"
        left_out: list[str] = []
        try:
            with closing(open_writer(self._job.format, path, self._job.model, self._job.classes)) as writer:
                rows = self._write(unit, writer, left_out)
        except (TrainworksError, OSError) as error:
            message = str(error) if isinstance(error, TrainworksError) else f"`{unit.source.shown}`: {error}"
            yield Inferred(failures=(Failure(unit.place, message, isinstance(error, DataError)),))
        except tf.errors.OpError as error:
            message = f"The model {self._job.serving} fails on rows of `{unit.source.shown}`: {_reason(error)}"
            yield Inferred(failures=(Failure(unit.place, message, bad_data=False),))
        else:
            parts = (Part(unit.place, str(path), rows),) if rows else ()
            yield Inferred(parts, len(left_out), tuple(left_out[:KEPT_ORIGINS]))

    def _write(self, unit: Unit, writer: PredictionWriter, left_out: list[str]) -> int:
        count = 0
        for chunk in self._chunks(self._rows(unit, left_out)):
            writer.write(self._predicted(unit, chunk))
            count += len(chunk)
        return count

    def _rows(self, unit: Unit, left_out: list[str]) -> Iterator[Row]:
        """Rows that can be read; the others' origins go to `left_out`."""
        rows = self._job.reader.rows(unit.source, unit.part, self._job.columns)
        for row in self._job.pictures.rows(unit.source, rows) if self._job.pictures else rows:
            if row.defect:
                left_out.append(f"{row.origin or f'{unit.source.shown}:{row.line}'}: {row.defect}")
            else:
                yield row

    def _chunks(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        chunk, size = list[Row](), 0
        for row in rows:
            chunk.append(row)
            size += sum(len(value) for value in row.values if isinstance(value, str | bytes))
            if len(chunk) == _CHUNK_ROWS or size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _predicted(self, unit: Unit, chunk: Sequence[Row]) -> Predictions:
        inputs = {
            name: [text(row.values[place], set()) or b"" for row in chunk]
            if self._job.pictures is None
            else [bytes(row.values[place]) for row in chunk]  # type: ignore[call-overload]  # Pictures has put bytes there
            for place, name in enumerate(self._job.features)
        }
        width = len(self._job.features)
        kept = {
            name: [_kept(row.values[width + place], kind) for row in chunk]
            for place, (name, kind) in enumerate(self._job.kept.items())
        }
        origins = [row.origin or f"{unit.source.shown}:{row.line}" for row in chunk]
        return Predictions(origins, kept, inputs, self._asked(inputs))

    def _asked(self, inputs: Mapping[str, Sequence[bytes]]) -> dict[str, np.ndarray[Any, Any]]:
        """Outputs for rows, which are asked sorted by length, so that short texts do not pay for long ones."""
        lengths = np.sum([[len(value) for value in values] for values in inputs.values()], axis=0)
        order = np.argsort(lengths, kind="stable")
        answers = [
            {name: tensor.numpy() for name, tensor in self._signature(**self._tensors(inputs, rows)).items()}
            for rows in _calls(order, lengths, PICTURES if self._job.pictures else ROWS)
        ]
        back = np.argsort(order, kind="stable")
        outputs = {name: np.concatenate([answer[name] for answer in answers])[back] for name in sorted(answers[0])}
        return {name: values for name, values in outputs.items() if values.ndim <= _LARGEST_RANK}

    def _tensors(self, inputs: Mapping[str, Sequence[bytes]], rows: Iterable[int]) -> dict[str, tf.Tensor]:
        return {name: tf.constant([values[row] for row in rows], tf.string) for name, values in inputs.items()}


def _calls(order: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], most: int) -> Iterator[np.ndarray[Any, Any]]:
    """Places of rows, sorted by length, in calls of bounded size."""
    start = 0
    while start < len(order):
        rows = min(most, len(order) - start)
        while rows > 1 and lengths[order[start + rows - 1]] * rows > _CALL_BYTES:
            rows //= 2
        yield order[start : start + rows]
        start += rows


def _reason(error: tf.errors.OpError) -> str:
    """What TensorFlow says went wrong, without where in the graph."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    return next((line for line in lines if line and not line.startswith(_WHERE)), type(error).__name__)


def _kept(value: object, kind: FeatureType) -> str | int | float | None:
    if kind == "INT" and isinstance(value, int):
        return int(value)
    if kind == "FLOAT" and isinstance(value, int | float):
        return float(value)
    return None if value is None or kind != "BYTES" else (text(value, set()) or b"").decode()
