"""ExampleValidator: whether the data may be trained on."""

import json
from dataclasses import dataclass

from components.component import Component, Context, Input, Output
from components.validation.anomalies import anomalies_of
from components.validation.inspection import TRAIN, Inspection, ValueTest
from components.validation.rules import judge
from schemas.artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema
from schemas.config import ValidationConfig
from schemas.features import load_schema
from schemas.statistics import SplitView, load_statistics
from schemas.verdict import Verdict


class ExampleValidator(Component):
    """The gate before training: holds the data against the schema and the rules of the pipeline file.

    `verdict.json` says of every rule what was expected, what was found and in which rows; `Split-<name>/SchemaDiff.pb`
    says the same to TensorFlow Data Validation. Statistics suffice for most of it; the examples are only read to find
    the rows that broke a rule.
    """

    gate = "anomalies"
    libraries = ("tensorflow-metadata",)

    examples: Input[Examples]
    statistics: Input[ExampleStatistics]
    schema: Input[Schema]
    anomalies: Output[ExampleAnomalies]

    label: str
    """The column to predict."""

    rules: ValidationConfig = ValidationConfig()

    def run(self, context: Context) -> None:
        """Writes the verdict; what it means for the run is the runner's to say."""
        inspection = Inspection(
            ingestion=self.examples.ingestion(),
            splits=self._splits(),
            schema=load_schema(self.schema.path),
            label=self.label,
            rows=_Rows(self.examples),
        )
        judgement = judge(inspection, self.rules)
        for split in inspection.splits.values():
            diff = anomalies_of(split.name, split.examples, inspection.schema, judgement.failures)
            folder = self.anomalies.split_path(split.name)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "SchemaDiff.pb").write_bytes(diff.SerializeToString(deterministic=True))
        Verdict(rules=tuple(judgement.verdicts)).save(self.anomalies.uri)
        self.anomalies.properties["split_names"] = json.dumps(list(inspection.splits))

    def _splits(self) -> dict[str, SplitView]:
        names = sorted(self.statistics.splits(), key=lambda name: (name != TRAIN, name))
        return {name: load_statistics(self.statistics.split_path(name)) for name in names}


@dataclass(frozen=True)
class _Rows:
    """Looks up rows, and loads what that needs only then."""

    examples: Examples

    def find(self, split: str, column: str, test: ValueTest) -> tuple[int, tuple[str, ...]]:
        from components.transforms.rows import ScannedRows

        return ScannedRows(self.examples, self.examples.ingestion().columns).find(split, column, test)
