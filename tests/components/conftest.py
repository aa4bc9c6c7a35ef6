"""Data steps on real files: examples written as tf.Example, and the steps that measure, describe and judge them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from components.component import Channel, Component
from components.example_validator import ExampleValidator
from components.schema_gen import SchemaGen
from components.statistics_gen import StatisticsGen
from schemas.artifacts import Artifact, ExampleAnomalies, Examples, ExampleStatistics, Model, Schema
from schemas.ingestion import SOURCE, Defect, FeatureType, Ingestion, SpanRows
from schemas.statistics import SplitView, load_statistics
from schemas.verdict import RuleVerdict, Verdict

Row = Mapping[str, Any]
TEXTS: dict[str, FeatureType] = {"text": "BYTES", "label": "BYTES"}


class DataSteps:
    """Runs single steps outside a pipeline, each into a folder of its own."""

    def __init__(self, base: Path, context: Any) -> None:
        self.base, self.context = base, context
        self._made = 0

    def folder(self) -> Path:
        self._made += 1
        path = self.base / f"artifact-{self._made}"
        path.mkdir()
        return path

    def examples(
        self,
        splits: Mapping[str, Sequence[Row]],
        columns: Mapping[str, FeatureType] | None = None,
        defects: Sequence[Defect] = (),
        shards: int = 1,
        spans: Sequence[SpanRows] = (),
    ) -> Examples:
        """Rows by split, dealt to shards in turn; a row's `_source` is `<split>.csv:<line>` unless it has one."""
        from components.transforms.shards import ShardWriter, commit_shards

        columns = columns or TEXTS
        examples = Examples(self.folder())
        written = []
        for split, rows in splits.items():
            examples.split_path(split).mkdir()
            for shard in range(shards):
                writer = ShardWriter(examples.split_path(split), split, shard)
                for place in range(shard, len(rows), shards):
                    row = {SOURCE: f"{split}.csv:{place + 2}", **rows[place]}
                    writer.write(_example(row, {**columns, SOURCE: "BYTES"}))
                written += writer.close()
        commit_shards(examples.uri, written)
        examples.write_ingestion(
            Ingestion(
                columns=dict(columns),
                rows={name: len(rows) for name, rows in splits.items()},
                defects=tuple(defects),
                spans=tuple(spans),
            )
        )
        return examples

    def statistics(
        self,
        examples: Examples,
        label: str | None = "label",
        text: tuple[str, ...] = ("text",),
        images: tuple[str, ...] = (),
    ) -> ExampleStatistics:
        """Statistics of examples, which hold texts unless they are told to hold pictures."""
        text = () if images else text
        step = StatisticsGen(examples=_promise(Examples), label=label, text=text, images=images)
        return self._run(step, {"examples": examples}, ExampleStatistics(self.folder()), "statistics")

    def measured(self, rows: Sequence[Row], **options: Any) -> SplitView:
        """Statistics of rows that are the whole training split."""
        statistics = self.statistics(self.examples({"train": rows}, options.pop("columns", None)), **options)
        return load_statistics(statistics.split_path("train"))

    def schema(self, statistics: ExampleStatistics, **parameters: Any) -> Schema:
        inputs = {"statistics": statistics, "examples": parameters.pop("examples", None)}
        step = SchemaGen(
            statistics=_promise(ExampleStatistics), **{"label": "label", "task": "classification", **parameters}
        )
        return self._run(step, inputs, Schema(self.folder()), "schema")

    def anomalies(
        self,
        examples: Examples,
        statistics: ExampleStatistics,
        schema: Schema,
        previous: ExampleStatistics | None = None,
        *,
        previous_examples: Examples | None = None,
        champion: Model | None = None,
        **parameters: Any,
    ) -> ExampleAnomalies:
        step = ExampleValidator(
            examples=_promise(Examples),
            statistics=_promise(ExampleStatistics),
            schema=_promise(Schema),
            **{"label": "label", **parameters},
        )
        inputs = {
            "examples": examples,
            "statistics": statistics,
            "schema": schema,
            "previous": previous,
            "previous_examples": previous_examples,
            "champion": champion,
        }
        return self._run(step, inputs, ExampleAnomalies(self.folder()), "anomalies")

    def judged(
        self, examples: Examples, rules: Mapping[str, Any] | None = None, schema: str | None = None, **options: Any
    ) -> dict[str, list[RuleVerdict]]:
        """Verdicts by rule, from all three steps; `schema` is the text of a curated one."""
        label = options.get("label", "label")
        statistics = self.statistics(examples, **options)
        parameters: dict[str, Any] = {"label": label, "task": "classification"}
        if examples.ingestion().columns[label] == "FLOAT":
            parameters["task"] = "regression"
        if schema is not None:
            (self.context.base / "curated.pbtxt").write_text(schema, encoding="utf-8")
            parameters["curated"] = "curated.pbtxt"
        described = self.schema(statistics, **parameters)
        anomalies = self.anomalies(examples, statistics, described, label=label, rules=dict(rules or {}))
        verdicts: dict[str, list[RuleVerdict]] = {}
        for verdict in Verdict.load(anomalies.uri).rules:
            verdicts.setdefault(verdict.rule, []).append(verdict)
        return verdicts

    def _run(self, step: Component, inputs: Mapping[str, Artifact | None], output: Any, name: str) -> Any:
        step.bind(inputs, {name: output}).run(self.context)
        return output


def _promise(kind: type[Artifact]) -> Channel:
    return Channel(Component(), "made", kind)


def _example(row: Row, columns: Mapping[str, FeatureType]) -> bytes:
    import tensorflow as tf

    example = tf.train.Example()
    for name, kind in columns.items():
        value = row.get(name)
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[name]
        if kind == "BYTES":
            feature.bytes_list.value.extend(v if isinstance(v, bytes) else v.encode() for v in values)
        elif kind == "INT":
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return example.SerializeToString(deterministic=True)


@pytest.fixture
def steps(tmp_path: Path, context: Any) -> DataSteps:
    return DataSteps(tmp_path, context)
