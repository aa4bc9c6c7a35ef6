"""ExampleValidator: whether the data may be trained on."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from components.component import Component, Context, Input, Output
from components.validation.anomalies import anomalies_of
from components.validation.embedding import embedding_check, embedding_rule
from components.validation.inspection import TRAIN, Check
from components.validation.material import inspection_of
from components.validation.rules import judge
from schemas.artifacts import ExampleAnomalies, Examples, ExampleStatistics, Model, Schema
from schemas.config import ValidationConfig
from schemas.features import load_schema
from schemas.verdict import Verdict


class ExampleValidator(Component):
    """The gate before training: holds the data against the schema and the rules of the pipeline file.

    `verdict.json` says of every rule what was expected, what was found and in which rows; `Split-<name>/SchemaDiff.pb`
    says the same to TensorFlow Data Validation. Statistics suffice for most of it; the examples are only read to find
    the rows that broke a rule.
    """

    gate = "anomalies"
    libraries = ("scipy", "tensorflow-metadata")

    examples: Input[Examples]
    statistics: Input[ExampleStatistics]
    schema: Input[Schema]
    previous: Input[ExampleStatistics] | None
    """Statistics of the data that passed last, to tell drift from."""
    previous_examples: Input[Examples] | None
    champion: Input[Model] | None
    """That data, and the model whose vectors tell the drift of texts and pictures; read for `rules.embedding_drift`."""
    anomalies: Output[ExampleAnomalies]

    label: str | None
    """The column to predict."""

    rules: ValidationConfig = ValidationConfig()
    features: Mapping[str, str] = MappingProxyType({})
    """Model input to column, for vectors."""

    def run(self, context: Context) -> None:
        """Writes the verdict; what it means for the run is the runner's to say."""
        schema = load_schema(self.schema.path)
        inspection = inspection_of(self.examples, self.statistics, schema, self.label, self.previous)
        judgement = judge(inspection, self.rules)
        if self.rules.embedding_drift is not None:
            found = self._compared(self.rules.embedding_drift.sample)
            judgement.add(
                embedding_rule(f"`{TRAIN}` and the data that passed last", found), self.rules.embedding_drift.rule
            )
        for split in inspection.splits.values():
            diff = anomalies_of(split.name, split.examples, schema, judgement.failures, judgement.comparisons)
            folder = self.anomalies.split_path(split.name)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "SchemaDiff.pb").write_bytes(diff.SerializeToString(deterministic=True))
        verdict = Verdict(rules=tuple(judgement.verdicts))
        verdict.save(self.anomalies.uri)
        self.anomalies.properties["split_names"] = json.dumps(list(inspection.splits))
        self.anomalies.properties["span"] = self.examples.properties.get("span", 0)
        self.anomalies.properties["accepted"] = int(not verdict.refused)

    def _compared(self, sample: int) -> Check | str:
        """The vectors of today's training data against those of what passed last; or why there are none."""
        if self.previous_examples is None:
            return "no data has passed before"
        if self.champion is None:
            return "no model has been blessed before"
        if not self.previous_examples.shards(TRAIN):
            return f"the data that passed last is gone from {self.previous_examples.uri}"
        from components.transforms.embeddings import Sampled

        before, now = (
            Sampled(examples.shards(TRAIN), examples.ingestion().columns)
            for examples in (self.previous_examples, self.examples)
        )
        return embedding_check(TRAIN, self.champion.serving, self.features, before=before, now=now, sample=sample)
