"""Evaluation in Beam: read raw examples, ask the exported models, accumulate, write the report.

The records of a shard are read, scored and tallied in one stage; what crosses stages are file names, counts of slice
values and tallies.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils.shared import Shared
from numpy.typing import NDArray
from tensorflow.core.protobuf import saved_model_pb2

from components.metrics.accumulator import Accumulator, Answers, ScoredExamples, TallySettings
from components.metrics.localization import BOX
from components.metrics.report import ReportSubject, build_report
from components.metrics.slices import SliceNames
from components.transforms.beam import WriteBytes, beam_pipeline
from components.transforms.chunks import PICTURES, ROWS, calls, decodes_pictures, read_chunks
from components.transforms.label_sets import LabelSets
from components.transforms.tfrecords import parse_spec, read_batches
from schemas.config import CLASS_TASKS, BeamConfig, Task
from schemas.errors import DataError, TrainworksError
from schemas.hidden_words import SCORES
from schemas.ingestion import FeatureType

SIGNATURE = "serve_examples"

_OUTPUTS: dict[Task, tuple[str, ...]] = {
    "classification": ("scores",),
    "multi-label": ("scores",),
    "localization": ("scores", "box"),
    "regression": ("prediction",),
    "pretraining": SCORES,
}
"""What a model is asked for; several outputs are put side by side."""

_MOST_SLICES = 100
"""Values of a slicing that are reported, the largest; and those that rules name."""

_MISSING = "(missing)"


@dataclass(frozen=True)
class ModelFolder:
    """An exported model and the label's words in the order of its scores."""

    serving: str
    classes: tuple[bytes, ...]


@dataclass(frozen=True)
class EvaluationJob:
    """All that a worker must know."""

    label: str | None
    columns: Mapping[str, FeatureType]
    """The label and its box, where there are any, and the columns to slice by."""
    slicings: tuple[tuple[str, ...], ...]
    named_slices: tuple[str, ...]
    """Slices to report whatever their size."""
    candidate: ModelFolder
    champion: ModelFolder | None
    settings: TallySettings
    box: tuple[str, ...] = ()
    """Columns of the box, for a localization."""


def check_servable(serving: Path) -> None:
    """Reads the SavedModel's signatures without loading it.

    Raises:
        TrainworksError: there is no SavedModel, or it does not take serialized examples.
    """
    try:
        content = saved_model_pb2.SavedModel.FromString((serving / "saved_model.pb").read_bytes())
    except OSError as error:
        raise TrainworksError(f"An exported model must stand in {serving}: {error}") from error
    signatures = sorted({name for graph in content.meta_graphs for name in graph.signature_def})
    if SIGNATURE not in signatures:
        there = ", ".join(name for name in signatures if not name.startswith("__"))
        raise TrainworksError(f"The model in {serving} must have a signature `{SIGNATURE}`. Received: {there}")


def unusable(serving: Path, classes: tuple[bytes, ...], task: Task) -> str:
    """Why a model of another time cannot be asked; empty when it can. Loads it to find out."""
    try:
        check_servable(serving)
        scorer = Scorer(ModelFolder(str(serving), classes), task)
    except TrainworksError as error:
        return str(error)
    except Exception as error:  # a damaged SavedModel raises whatever its reader trips over
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
    return scorer.misfit()


def evaluate(
    shards: Sequence[Path], job: EvaluationJob, subject: ReportSubject, report: Path, config: BeamConfig
) -> None:
    """Runs the evaluation and writes the report to a file; the file is missing where there was no example."""
    with beam_pipeline(config) as pipeline:
        slices = _slices_to_report(pipeline, shards, job)
        (
            pipeline
            | "Shards" >> _Spread(shards)
            | "Score" >> beam.ParDo(_Score(job), beam.pvalue.AsIter(slices))
            | "Tally" >> beam.CombineGlobally(_Accumulate(job.settings)).without_defaults()
            | "Report" >> beam.Map(_report, subject, job.slicings, beam.pvalue.AsIter(slices))
            | "Write" >> WriteBytes(report)
        )


def _slices_to_report(pipeline: beam.Pipeline, shards: Sequence[Path], job: EvaluationJob) -> beam.PCollection:
    """`(slicing, [(count, key), ...])`: of each slicing the largest slices, one more than are reported."""
    if not job.slicings:
        return pipeline | "NoSlices" >> beam.Create([])
    return (
        pipeline
        | "SliceShards" >> _Spread(shards)
        | "CountSlices" >> beam.FlatMap(_count_slices, job)
        | "SumSlices" >> beam.CombinePerKey(sum)
        | "BySlicing" >> beam.MapTuple(lambda key, count: (key[0], (count, key[1])))
        | "Largest" >> beam.combiners.Top.PerKey(_MOST_SLICES + 1)
    )


class _Spread(beam.PTransform):
    """File names, spread over the workers where there are several."""

    def __init__(self, shards: Sequence[Path]) -> None:
        super().__init__()
        self._shards = [str(shard) for shard in shards]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        names = pbegin | beam.Create(self._shards, reshuffle=False)
        return names | beam.Reshuffle() if len(self._shards) > 1 else names


def _count_slices(shard: str, job: EvaluationJob) -> Iterator[tuple[tuple[int, str], int]]:
    """`((slicing, key), count)` of every batch of a shard."""
    columns = {name: job.columns[name] for slicing in job.slicings for name in slicing}
    names = SliceNames(job.slicings)
    for batch in read_batches([shard], columns, ragged=True):
        values = {name: column_values(column) for name, column in batch.items()}
        for number, slicing in enumerate(job.slicings):
            keys, inverse = slice_keys(slicing, values, names)
            for key, count in zip(keys, np.bincount(inverse, minlength=len(keys)).tolist(), strict=True):
                yield (number, key), count


class _Score(beam.DoFn):
    """From shards to scored chunks. A worker loads each model once, whatever the number of its threads and bundles."""

    def __init__(self, job: EvaluationJob) -> None:
        self._job = job
        self._candidate_handle, self._champion_handle = Shared(), Shared()

    def setup(self) -> None:
        job = self._job
        self._candidate = self._candidate_handle.acquire(
            lambda: Scorer(job.candidate, job.settings.task), job.candidate.serving
        )
        self._champion: Scorer | None = None
        if job.champion is not None:
            folder = job.champion
            self._champion = self._champion_handle.acquire(lambda: Scorer(folder, job.settings.task), folder.serving)

    def process(self, shard: str, slices: Iterable[tuple[int, list[tuple[int, str]]]]) -> Iterator[ScoredExamples]:
        chosen = {key for _, largest in slices for _, key in largest[:_MOST_SLICES]} | set(self._job.named_slices)
        for records in read_chunks(shard):
            yield self._score(records, chosen)

    def _score(self, records: NDArray[np.object_], chosen: set[str]) -> ScoredExamples:
        job = self._job
        parsed = tf.io.parse_example(records, parse_spec(job.columns, ragged=True)) if job.columns else {}
        values = {name: column_values(column) for name, column in parsed.items()}
        labels = None if job.label is None else self._labels(values[job.label], parsed[job.label], parsed)
        candidate = self._candidate.answers(records, labels)
        return ScoredExamples(
            hashes=tf.strings.to_hash_bucket_fast(records, 2**63 - 1).numpy().astype(np.uint64),
            candidate=candidate,
            champion=self._champion.answers(records, labels) if self._champion else None,
            unknown_labels=self._unknown(labels, candidate),
            slices=slice_rows(job.slicings, values, chosen),
        )

    def _labels(
        self, values: "ColumnValues", column: tf.RaggedTensor, parsed: Mapping[str, tf.RaggedTensor]
    ) -> "Labels":
        if self._job.settings.task == "classification":
            return values
        if self._job.settings.task == "multi-label":
            return LabelSets.of(column)
        if self._job.settings.task == "localization":
            return BoxedLabels(values, self._boxes(parsed))
        if (column.row_lengths().numpy() == 0).any():
            raise DataError(f"Every example must have a number in `{self._job.label}`; an example has none.")
        numbers = tf.cast(tf.gather(column.flat_values, column.row_starts()), tf.float32).numpy()
        if not np.isfinite(numbers).all():
            raise DataError(f"`{self._job.label}` must be finite in every example; one holds NaN or infinity.")
        return numbers

    def _boxes(self, parsed: Mapping[str, tf.RaggedTensor]) -> NDArray[np.float32]:
        """The labels' boxes, `(n, 4)`."""
        sides = [parsed[column] for column in self._job.box]
        for name, side in zip(self._job.box, sides, strict=True):
            if (side.row_lengths().numpy() != 1).any():
                raise DataError(
                    f"Every example must have one number in `{name}`, a side of its box; an example has not."
                )
        return tf.stack([side.values for side in sides], axis=1).numpy()

    def _unknown(self, labels: "Labels | None", candidate: Answers) -> dict[bytes, int]:
        if isinstance(labels, LabelSets):
            return labels.strangers(dict.fromkeys(self._job.candidate.classes, 0))
        indices = candidate.labels
        if isinstance(labels, BoxedLabels):
            labels, indices = labels.classes, indices[:, 0]
        if not isinstance(labels, ColumnValues):
            return {}
        unknown = labels.inverse[indices == len(self._job.candidate.classes)]
        counts = np.bincount(unknown, minlength=len(labels.distinct))
        return {labels.distinct[i]: int(counts[i]) for i in np.flatnonzero(counts).tolist()}


@dataclass(frozen=True)
class ColumnValues:
    """A column as its distinct values and, for each row, which of them it holds."""

    distinct: list[bytes]
    inverse: NDArray[np.int64]


@dataclass(frozen=True)
class BoxedLabels:
    """Labels of a localization: words, and boxes `(n, 4)`."""

    classes: ColumnValues
    boxes: NDArray[np.float32]


Labels = ColumnValues | LabelSets | BoxedLabels | NDArray[np.float32]


def column_values(column: tf.RaggedTensor) -> ColumnValues:
    """The value of each row as text, `(missing)` where there is none.

    Several texts are joined by `|`; of several numbers it is the first, as TensorFlow prints it.
    """
    filled = column.row_lengths().numpy() > 0
    if column.dtype == tf.string and (column.row_lengths().numpy() > 1).any():
        column = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(tf.strings.reduce_join(column, axis=1, separator="|"), filled), tf.cast(filled, tf.int64)
        )
    firsts = tf.gather(column.flat_values, tf.boolean_mask(column.row_starts(), filled))
    if firsts.dtype.is_floating:
        firsts = tf.strings.as_string(firsts, shortest=True)
    elif firsts.dtype != tf.string:
        firsts = tf.strings.as_string(firsts)
    rows = np.full(len(filled), _MISSING.encode(), object)
    rows[filled] = firsts.numpy()
    distinct, inverse = np.unique(rows, return_inverse=True)
    return ColumnValues(distinct.tolist(), inverse)


def slice_keys(
    slicing: Sequence[str], values: Mapping[str, ColumnValues], names: SliceNames
) -> tuple[list[str], NDArray[np.int64]]:
    """The slices of a slicing that occur, and for each row which it is in."""
    codes = np.stack([values[name].inverse for name in slicing], axis=1)
    combinations, inverse = np.unique(codes, axis=0, return_inverse=True)
    texts = [[value.decode(errors="replace") for value in values[name].distinct] for name in slicing]
    terms = names.terms(slicing, texts)
    keys = [
        ",".join(term[code] for term, code in zip(terms, codes_of, strict=True)) for codes_of in combinations.tolist()
    ]
    return keys, inverse.reshape(-1)


def slice_rows(
    slicings: Sequence[Sequence[str]], values: Mapping[str, ColumnValues], chosen: set[str]
) -> dict[str, NDArray[np.int64]]:
    """Rows of each chosen slice that occurs."""
    rows: dict[str, NDArray[np.int64]] = {}
    names = SliceNames(slicings)
    for slicing in slicings:
        keys, inverse = slice_keys(slicing, values, names)
        order = np.argsort(inverse, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(inverse, minlength=len(keys)))[:-1])
        # Two values may read alike once they are text (broken UTF-8): they are one slice.
        for key, part in zip(keys, parts, strict=True):
            if key in chosen:
                rows[key] = np.concatenate([rows[key], part]) if key in rows else part
    return rows


class Scorer:
    """A loaded model, asked in batches."""

    def __init__(self, folder: ModelFolder, task: Task) -> None:
        import tensorflow_text  # noqa: F401 - registers the ops of exported tokenizers

        self._folder, self._task = folder, task
        self._model = tf.saved_model.load(folder.serving)
        self._signature = self._model.signatures[SIGNATURE]
        self._rows = PICTURES if decodes_pictures(Path(folder.serving)) else ROWS
        self._index = {label: index for index, label in enumerate(folder.classes)}

    def misfit(self) -> str:
        """Why the signature's declared answers are not those of the task; empty when they are."""
        for output in _OUTPUTS[self._task]:
            if output not in self._signature.structured_outputs:
                there = ", ".join(sorted(self._signature.structured_outputs))
                return f"`{SIGNATURE}` must answer `{output}`. Received: {there}"
        if self._task in CLASS_TASKS and not self._folder.classes:
            return f"a model of a {self._task} must name its labels in assets/labels.txt. Received: none"
        return ""

    def answers(self, records: NDArray[np.object_], labels: Labels | None) -> Answers:
        """Answers to serialized examples; labels become class indices, unknown ones the number of classes."""
        scores = np.concatenate([self._ask(batch) for batch in calls(records, self._rows)])
        if labels is None:
            return Answers(np.zeros(len(records), np.float32), scores)
        if isinstance(labels, np.ndarray):
            return Answers(labels, scores.reshape(-1))
        width = len(self._index) + (BOX if isinstance(labels, BoxedLabels) else 0)
        if scores.shape[1:] != (width,):
            raise TrainworksError(
                f"The model in {self._folder.serving} must answer one score for each of the {len(self._index)} labels"
                f" of assets/labels.txt. Received: scores of shape {scores.shape}"
            )
        if isinstance(labels, LabelSets):
            return Answers(labels.indicators(self._index), scores)
        if isinstance(labels, BoxedLabels):
            indices = self._indices(labels.classes)
            return Answers(np.concatenate([indices[:, None], labels.boxes], axis=1, dtype=np.float64), scores)
        return Answers(self._indices(labels), scores)

    def _indices(self, labels: ColumnValues) -> NDArray[np.int64]:
        known = np.array([self._index.get(label, len(self._index)) for label in labels.distinct], np.int64)
        return known[labels.inverse]

    def _ask(self, batch: NDArray[np.object_]) -> NDArray[np.float32]:
        answers = self._signature(examples=tf.constant(batch, tf.string))
        wanted = _OUTPUTS[self._task]
        for output in wanted:
            if output not in answers:
                raise TrainworksError(
                    f"`{SIGNATURE}` of the model in {self._folder.serving} must answer `{output}`."
                    f" Received: {', '.join(sorted(answers))}"
                )
        found = [answers[output].numpy().astype(np.float32) for output in wanted]
        return found[0] if len(found) == 1 else np.column_stack(found)


class _Accumulate(beam.CombineFn):
    """The accumulator as Beam wants it."""

    def __init__(self, settings: TallySettings) -> None:
        self._settings = settings

    def create_accumulator(self) -> Accumulator:
        return Accumulator.empty(self._settings)

    def add_input(self, accumulator: Accumulator, element: ScoredExamples) -> Accumulator:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Accumulator]) -> Accumulator:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Accumulator) -> Accumulator:
        return accumulator


def _report(
    accumulator: Accumulator,
    subject: ReportSubject,
    slicings: Sequence[tuple[str, ...]],
    slices: Iterable[tuple[int, list[tuple[int, str]]]],
) -> bytes:
    cut = sorted(number for number, largest in slices if len(largest) > _MOST_SLICES)
    notes = tuple(
        f"slices by {', '.join(slicings[number])}: more than {_MOST_SLICES} values; the largest are shown"
        for number in cut
    )
    return build_report(accumulator, subject, notes).to_json()
