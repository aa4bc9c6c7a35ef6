"""The artifact types of TFX, as typed views of folders on disk.

An artifact is a folder (its `uri`) plus a few small properties that lineage records. The layouts are TFX's, so that its
tools read ours: https://www.tensorflow.org/tfx/guide/mlmd.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from schemas.files import sha256
from schemas.ingestion import FeatureType, Ingestion

Property = int | float | str

CHECKPOINT = "assets.extra/checkpoint"
"""Folder below a SavedModel that holds the encoder of a pretraining."""

INPUTS = "inputs.json"
"""Asset of an exported model: model input to what it is, `text` or `image`."""


@dataclass(frozen=True)
class Artifact:
    """A folder with a type.

    Args:
        uri: the folder. While a component runs, an output's folder is a temporary one.
        properties: what lineage records beside the uri; a component may add to its outputs' properties.
    """

    BASE_TYPE: ClassVar[str | None] = None
    """The simple type of ML Metadata that this type is a child of, such as `mlmd.Dataset`."""

    uri: Path
    properties: dict[str, Property] = field(default_factory=dict)

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__

    def split_path(self, split: str) -> Path:
        """The folder `Split-<split>` of a split; it need not exist yet."""
        return self.uri / f"Split-{split}"

    def splits(self) -> list[str]:
        """Names of the splits that are on disk, sorted."""
        return sorted(path.name.removeprefix("Split-") for path in self.uri.glob("Split-*"))


@dataclass(frozen=True)
class Examples(Artifact):
    """`Split-<name>/data_tfrecord-NNNNN-of-NNNNN`, serialized tf.Example; `ingestion.json` says what was read."""

    BASE_TYPE = "mlmd.Dataset"

    def shards(self, split: str) -> list[Path]:
        """The TFRecord files of a split, in order."""
        return sorted(self.split_path(split).glob("data_tfrecord-*"))

    def shard_digests(self, split: str) -> list[str]:
        """SHA-256 of each shard, in order: as it was noted when they were written, or else from the files."""
        shards = self.shards(split)
        noted = self.ingestion().shards.get(split, ())
        return list(noted) if len(noted) == len(shards) else [sha256(path) for path in shards]

    def ingestion(self) -> Ingestion:
        return Ingestion.model_validate_json((self.uri / "ingestion.json").read_bytes())

    def write_ingestion(self, ingestion: Ingestion) -> None:
        (self.uri / "ingestion.json").write_text(ingestion.model_dump_json(indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class ExampleStatistics(Artifact):
    """`Split-<name>/FeatureStats.pb`, a serialized DatasetFeatureStatisticsList."""

    BASE_TYPE = "mlmd.Statistics"


@dataclass(frozen=True)
class Schema(Artifact):
    """`schema.pbtxt`, a tensorflow_metadata Schema in text format."""

    @property
    def path(self) -> Path:
        return self.uri / "schema.pbtxt"


@dataclass(frozen=True)
class ExampleAnomalies(Artifact):
    """`Split-<name>/SchemaDiff.pb`, a serialized Anomalies; `verdict.json` holds every rule's verdict."""


@dataclass(frozen=True)
class TransformGraph(Artifact):
    """`transform_fn/` SavedModel, `transformed_metadata/schema.pbtxt`, `facts/`: what analysis found."""

    @property
    def transform_fn(self) -> Path:
        return self.uri / "transform_fn"

    @property
    def transformed_schema(self) -> Path:
        return self.uri / "transformed_metadata" / "schema.pbtxt"

    @property
    def facts(self) -> Path:
        return self.uri / "facts"


@dataclass(frozen=True)
class Model(Artifact):
    """`Format-Serving/` SavedModel and `Format-Keras/model.keras`, with the names of its weights beside it."""

    BASE_TYPE = "mlmd.Model"

    @property
    def serving(self) -> Path:
        return self.uri / "Format-Serving"

    @property
    def keras(self) -> Path:
        return self.uri / "Format-Keras" / "model.keras"

    @property
    def weight_names(self) -> Path:
        """What rows and columns of the Keras model's weights stand for; see `models/weight_names.py`."""
        return self.keras.parent / "weight_names.json"

    @property
    def checkpoint(self) -> Path:
        """The encoder of a pretraining, for other pipelines to start from."""
        return self.serving / CHECKPOINT

    def vocabulary(self) -> bytes:
        """What the ids of such an encoder stand for, a piece a line; nothing for other models."""
        path = self.checkpoint / "vocab.txt"
        return path.read_bytes() if path.exists() else b""

    def classes(self) -> list[str]:
        """The label's words in the order of the scores; empty for regression."""
        path = self.serving / "assets" / "labels.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def columns(self) -> dict[str, str] | None:
        """Raw columns that the model reads, name to type (`BYTES`, `INT` or `FLOAT`); None where that was not noted."""
        noted = self.properties.get("columns")
        return None if noted is None else dict(json.loads(str(noted)))

    def note_columns(self, columns: Mapping[str, FeatureType]) -> None:
        """Notes in lineage which raw columns the model reads."""
        self.properties["columns"] = json.dumps(dict(sorted(columns.items())))


@dataclass(frozen=True)
class ModelRun(Artifact):
    """Standard TensorBoard log folder of one training: `train/` and `validation/` event files."""


@dataclass(frozen=True)
class ModelEvaluation(Artifact):
    """`metrics.json`: metrics with confidence intervals, overall, by class and by slice."""

    BASE_TYPE = "mlmd.Metrics"

    def metrics(self) -> Mapping[str, float]:
        """The overall metrics, name to value."""
        report = json.loads((self.uri / "metrics.json").read_bytes())
        return {name: metric["value"] for name, metric in report["overall"].items()}


@dataclass(frozen=True)
class ModelBlessing(Artifact):
    """An empty file `BLESSED` or `NOT_BLESSED`; `verdict.json` holds every rule's verdict."""


@dataclass(frozen=True)
class InfraBlessing(Artifact):
    """An empty file `BLESSED` or `NOT_BLESSED`; `verdict.json` says what a model server made of the candidate."""


@dataclass(frozen=True)
class PushedModel(Artifact):
    """`<directory>/<name>/<version>/saved_model.pb ...`: the folder that a model server watches."""

    BASE_TYPE = "mlmd.Model"

    @property
    def version(self) -> int:
        return int(self.uri.name)


@dataclass(frozen=True)
class InferenceResult(Artifact):
    """`predictions-NNNNN-of-NNNNN.parquet`, or `.csv`, or `.tfrecord` of PredictionLog."""


ARTIFACT_TYPES: tuple[type[Artifact], ...] = (
    Examples,
    ExampleStatistics,
    Schema,
    ExampleAnomalies,
    TransformGraph,
    Model,
    ModelRun,
    ModelEvaluation,
    ModelBlessing,
    InfraBlessing,
    PushedModel,
    InferenceResult,
)
