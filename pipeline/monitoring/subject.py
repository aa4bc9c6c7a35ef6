"""What lineage knows of a served version: the data it learned from, and its evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from components.validation.inspection import TRAIN
from components.validation.served import ServedVersion
from pipeline.lineage.records import Relative, StoredArtifact
from pipeline.lineage.store import Lineage
from schemas.artifacts import Artifact, Examples, ExampleStatistics, ModelBlessing, ModelEvaluation, Schema
from schemas.evaluation import EvaluationReport
from schemas.features import load_schema
from schemas.statistics import SplitView, load_statistics


@dataclass(frozen=True)
class Subject:
    """A version and what it came from.

    Args:
        version: its number.
        stored: `examples`, `statistics`, `schema` and `evaluation`, as lineage has them; none where it does not know
            the version.
        missing: why nothing is known.
    """

    version: int
    stored: dict[str, StoredArtifact] = field(default_factory=dict)
    missing: str = ""

    def served(self, asked: SplitView) -> ServedVersion:
        """The version with what it was asked."""
        return ServedVersion(
            version=self.version,
            asked=asked,
            training=None if self.missing else load_statistics(self._folder("statistics") / f"Split-{TRAIN}"),
            evaluation=EvaluationReport.load(self._folder("evaluation")) if "evaluation" in self.stored else None,
            schema=self._schema(),
            missing=self.missing,
        )

    def columns(self) -> SplitView | None:
        """Statistics of the training data, which tell its columns."""
        return None if self.missing else load_statistics(self._folder("statistics") / f"Split-{TRAIN}")

    @property
    def examples(self) -> Examples | None:
        """The training data, if it is still there."""
        found = Examples(self._folder("examples")) if "examples" in self.stored else None
        return found if found and found.shards(TRAIN) else None

    def _schema(self) -> schema_pb2.Schema | None:
        path = Schema(self._folder("schema")).path if "schema" in self.stored else None
        return load_schema(path) if path and path.is_file() else None

    def _folder(self, name: str) -> Path:
        return self.stored[name].uri


def subject_of(lineage: Lineage, served: Path, version: int) -> Subject:
    """What lineage knows of a version that was pushed to `<served>/<version>`."""
    pushed = lineage.artifact(served / str(version))
    if pushed is None or pushed.uri != served / str(version):
        return Subject(version, missing=f"lineage knows no version {version} in {served}")
    ancestors = lineage.ancestors(pushed.id)
    statistics = _nearest(ancestors, ExampleStatistics)
    if statistics is None or not (statistics.uri / f"Split-{TRAIN}" / "FeatureStats.pb").is_file():
        where = "are not in lineage" if statistics is None else f"are gone from {statistics.uri}"
        return Subject(version, missing=f"the statistics of its training data {where}")
    measured = lineage.producer(statistics.id)
    found = {
        "examples": measured.inputs.get("examples") if measured else None,
        "statistics": statistics,
        "schema": _nearest(ancestors, Schema),
        "evaluation": _evaluation(lineage, _nearest(ancestors, ModelBlessing)),
    }
    return Subject(version, {name: artifact for name, artifact in found.items() if artifact is not None})


def _nearest(ancestors: Sequence[Relative], kind: type[Artifact]) -> StoredArtifact | None:
    return next((one.artifact for one in ancestors if one.artifact.type_name == kind.type_name()), None)


def _evaluation(lineage: Lineage, blessing: StoredArtifact | None) -> StoredArtifact | None:
    """The evaluation that the blessing came from, if it is still there."""
    judged = lineage.producer(blessing.id) if blessing is not None else None
    outputs = judged.outputs.values() if judged is not None else ()
    found = (artifact for artifact in outputs if artifact.type_name == ModelEvaluation.type_name())
    return next((artifact for artifact in found if (artifact.uri / "metrics.json").is_file()), None)
