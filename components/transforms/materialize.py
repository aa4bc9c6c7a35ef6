"""Preprocessing in Beam: from raw examples to transformed ones, and the SavedModel of that graph."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import apache_beam as beam
import numpy as np
import tensorflow as tf
from pydantic import TypeAdapter

from components.partials import Partials, key_of
from components.transforms.beam import WriteBytes
from components.transforms.features import RawFeatures
from components.transforms.kept_shards import KeptShards
from components.transforms.packing import packed_rows
from components.transforms.shards import ShardWriter, WrittenShard
from components.transforms.spread import Spread
from components.transforms.tfrecords import BATCH_SIZE, read_records
from components.transforms.wire import FeatureEncoder, example
from models.dtypes import DTYPES
from models.facts import load_facts
from schemas.features import LABEL
from schemas.ingestion import FeatureType

if TYPE_CHECKING:
    from models.family import Family, Preprocess


@dataclass(frozen=True)
class LabelSpec:
    """The label's column, if there is one; its classes in the order of their indices, for regression none; whether an
    example may have several of them, or none; the columns of the box that belongs to it."""

    column: str | None
    classes: tuple[str, ...]
    multiple: bool = False
    box: tuple[str, ...] = ()


class TransformModule(tf.Module):
    """The graph from serialized examples to transformed features; saved as `transform_fn/`.

    Args:
        preprocess: the family's, built from the facts.
        features: how examples become raw batches.
        label: the label.
    """

    def __init__(self, preprocess: "Preprocess", features: RawFeatures, label: LabelSpec) -> None:
        super().__init__(name="transform_fn")
        self._preprocess, self._features, self._label = preprocess, features, label
        self._classes = _indices(label.classes) if label.classes else None

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "examples")], autograph=False)
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """Model inputs by name, and `label`: int64 index (-1: no such class) or float32, `(batch_size,)`; with several
        labels an example int64 `(batch_size, classes)`, 1 for each that it has (-1: one of them is no class); with a
        box float32 `(batch_size, 5)`, the index and the box."""
        column = self._label.column
        labels = {} if column is None else {LABEL: self._labels(column, examples)}
        return {**self._preprocess(self._features.parse(examples)), **labels}

    def _labels(self, column: str, examples: tf.Tensor) -> tf.Tensor:
        if self._classes is None:
            return tf.io.parse_example(examples, {column: tf.io.FixedLenFeature((), tf.float32)})[column]
        if self._label.multiple:
            labels = tf.io.parse_example(examples, {column: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)})
            return _multi_hot(labels[column], self._classes, len(self._label.classes))
        label = tf.io.parse_example(examples, {column: tf.io.FixedLenFeature((), tf.string, "")})[column]
        index = self._classes.lookup(label)
        return self._with_box(index, examples) if self._label.box else index

    def _with_box(self, index: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
        spec = {column: tf.io.FixedLenFeature((), tf.float32) for column in self._label.box}
        parsed = tf.io.parse_example(examples, spec)
        return tf.stack([tf.cast(index, tf.float32), *(parsed[column] for column in self._label.box)], axis=1)


def signature_of_raw(features: RawFeatures) -> dict[str, tf.TensorSpec]:
    """The specs of raw features by the model's names for them, `(batch_size,)`."""
    return {name: tf.TensorSpec((None,), DTYPES[features.types[column]]) for name, column in features.columns.items()}


def _indices(classes: Sequence[str]) -> tf.lookup.StaticHashTable:
    indices = tf.range(len(classes), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(classes), indices), -1)


def _multi_hot(labels: tf.RaggedTensor, classes: tf.lookup.StaticHashTable, width: int) -> tf.Tensor:
    """1 for each class that an example has, int64 `(batch_size, width)`; a row with a label that is none is all -1."""
    indices, rows, count = classes.lookup(labels.values), labels.value_rowids(), labels.nrows()
    known = indices >= 0
    cells = tf.boolean_mask(tf.stack([rows, indices], axis=1), known)
    hot = tf.scatter_nd(cells, tf.ones(tf.shape(cells)[:1], tf.int64), tf.stack([count, width]))
    strangers = tf.math.unsorted_segment_sum(tf.cast(~known, tf.int64), rows, count)
    return tf.ensure_shape(tf.where(strangers[:, None] > 0, tf.constant(-1, tf.int64), hot), (None, width))


@dataclass(frozen=True)
class Transformed:
    """What came of some shards: new shards, examples that were left out because their label is no class, and how many
    shards an earlier run had transformed."""

    shards: tuple[WrittenShard, ...]
    unknown_labels: int = 0
    reused: int = 0

    def merge(self, other: "Transformed") -> "Transformed":
        unknown = self.unknown_labels + other.unknown_labels
        return Transformed(self.shards + other.shards, unknown, self.reused + other.reused)


_TRANSFORMED = TypeAdapter(Transformed)


@dataclass(frozen=True)
class RawShard:
    """A shard of raw examples: its split, its place in it, its file and that file's SHA-256."""

    split: str
    place: int
    path: str
    digest: str


@dataclass(frozen=True)
class KeptTransformed:
    """Where transformed shards are kept between runs.

    Args:
        partials: the place.
        settings: a key of all that decides them beside the raw shard: of what comes from data, too.
    """

    partials: Partials
    settings: str


class Materialize(beam.PTransform):
    """From `RawShard`s to transformed shards; their list goes to `report` (see `load_report`).

    Args:
        transform: what each worker does.
        report: where the merged `Transformed` goes.
    """

    def __init__(self, transform: "TransformShard", report: Path) -> None:
        super().__init__()
        self._transform = transform
        self._report = report

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return (
            shards
            | "Transform" >> Spread(self._transform)
            | "Merge" >> beam.CombineGlobally(_merged)
            | "To JSON" >> beam.Map(_TRANSFORMED.dump_json)
            | "Report" >> WriteBytes(self._report)
        )


def load_report(path: Path) -> Transformed:
    """What `Materialize` wrote."""
    return _TRANSFORMED.validate_json(path.read_bytes())


def _merged(outcomes: Iterable[Transformed]) -> Transformed:
    total = Transformed(())
    for outcome in outcomes:
        total = total.merge(outcome)
    return total


class TransformShard(beam.DoFn):
    """Transforms one shard.

    Args:
        family: makes the preprocessing graph, in each worker; None leaves raw features as they are.
        facts: folder of facts.
        features: how examples become raw batches.
        label: the label.
        types: type of each transformed feature.
        uri: folder of the transformed Examples.
        batch_size: examples that are preprocessed together.
        kept: where transformed shards are kept; None where the next run will have no use for them.
    """

    def __init__(
        self,
        family: "Family | None",
        *,
        facts: Path,
        features: RawFeatures,
        label: LabelSpec,
        types: Mapping[str, FeatureType],
        uri: Path,
        batch_size: int = BATCH_SIZE,
        kept: KeptTransformed | None = None,
    ) -> None:
        self._batch_size, self._settings = batch_size, kept.settings if kept else ""
        self._kept = KeptShards(kept.partials, str(uri)) if kept else None
        self._module: TransformModule | None = None
        self._family, self._facts, self._features = family, str(facts), features
        self._label, self._types, self._uri = label, dict(types), str(uri)

    def process(self, shard: RawShard) -> Iterator[Transformed]:
        if self._kept is None:
            yield self._transformed(shard)
            return
        key = key_of(settings=self._settings, shard=shard.digest, split=shard.split)
        if found := self._kept.take(key, shard.place):
            shards, unknown = found
            yield Transformed(tuple(shards), int(unknown), reused=1)
            return
        transformed = self._transformed(shard)
        self._kept.add(key, transformed.shards, b"%d" % transformed.unknown_labels)
        yield transformed

    def _transformed(self, shard: RawShard) -> Transformed:
        writer = ShardWriter(Path(self._uri, f"Split-{shard.split}"), shard.split, shard.place)
        unknown = 0
        for batch in self._batches(shard.path):
            keep = _known_labels(batch[LABEL].numpy()) if self._label.classes else None
            for record in _records(batch, self._types, keep):
                writer.write(record)
            unknown += 0 if keep is None else int(batch[LABEL].shape[0]) - len(keep)
        return Transformed(tuple(writer.close()), unknown)

    @tf.autograph.experimental.do_not_convert
    def _batches(self, shard: str) -> tf.data.Dataset:
        dataset = read_records([shard]).batch(self._batch_size)
        return dataset.map(self._graph().transform_features, num_parallel_calls=2).prefetch(2)

    def _graph(self) -> TransformModule:
        """Made in the worker, and not where nothing is to be transformed."""
        if self._module is None:
            preprocess = self._family.preprocess(load_facts(Path(self._facts))) if self._family else dict
            self._module = TransformModule(preprocess, self._features, self._label)
        return self._module


def _known_labels(labels: np.ndarray) -> np.ndarray:
    """The rows whose label is a class, or whose labels all are."""
    return np.flatnonzero(labels >= 0 if labels.ndim == 1 else (labels >= 0).all(axis=1))


def _records(
    batch: Mapping[str, tf.Tensor | tf.RaggedTensor], types: Mapping[str, FeatureType], keep: np.ndarray | None
) -> Iterator[bytes]:
    """Serialized examples of a batch, features in the order of their names; of the rows `keep` only, when given."""
    encoded = []
    for name in sorted(batch):
        column = _rows(batch[name])
        kept = column if keep is None or len(keep) == len(column) else [column[row] for row in keep.tolist()]
        encoded.append(map(FeatureEncoder(name, types[name]).encode, kept))
    for row in zip(*encoded, strict=True):
        yield example([piece for pieces in row for piece in pieces])


def _rows(value: tf.Tensor | tf.RaggedTensor) -> list[bytes]:
    """What is stored of each row: strings and pixels as they are, numbers packed."""
    if value.dtype == tf.string:
        return value.numpy().tolist()
    if value.dtype == tf.uint8:
        return [row.tobytes() for row in value.numpy()]
    return packed_rows(*_flat(value))


def _flat(value: tf.Tensor | tf.RaggedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Values in one line, and where each row begins and ends, `(batch_size + 1,)`."""
    if isinstance(value, tf.RaggedTensor):
        return value.values.numpy(), value.row_splits.numpy()
    flat = value.numpy().reshape(-1)
    width = flat.size // max(value.shape[0], 1)
    return flat, np.arange(value.shape[0] + 1) * width
