"""SchemaGen: what the data must look like."""

from collections.abc import Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from components.component import Component, Context, Input, Output
from components.validation.growth import new_labels, with_labels
from components.validation.inference import infer_schema
from components.validation.material import inspection_of
from components.validation.rules import judge
from schemas.artifacts import Examples, ExampleStatistics, Schema
from schemas.config import CLASS_TASKS, Task, ValidationConfig
from schemas.errors import DataError
from schemas.features import check_label, find_feature, parse_schema, read_schema_file, schema_text, string_domain
from schemas.files import write_atomically
from schemas.ingestion import MOST_LABELS
from schemas.statistics import SplitView, load_statistics


class SchemaGen(Component):
    """A curated schema as it is, or one that is inferred once and frozen.

    An inferred schema is written to `frozen`, where a person reviews and edits it; from then on that file is what
    counts. Delete it to have the schema inferred anew; with `new_labels: grow` labels that are new are added to it, and
    nothing else. A curated schema is never written. Data that ExampleValidator is going to refuse by `rules` is not
    frozen: it must not become the measure of its own correction.
    """

    libraries = ("tensorflow-metadata",)

    statistics: Input[ExampleStatistics]
    examples: Input[Examples] | None
    """What the statistics are of. Unless given, only the number of classes is judged before a schema is frozen."""
    schema: Output[Schema]

    label: str | None
    """The column to predict, if there is one."""

    task: Task

    curated: str | None = None
    """A schema that a person keeps, relative to the pipeline file."""

    frozen: str | None = None
    """Where an inferred schema is kept, relative to the pipeline file."""

    rules: ValidationConfig = ValidationConfig()
    """ExampleValidator's."""

    def external_inputs(self, base: Path) -> Sequence[Path]:
        return [base / path for path in (self.curated, self.frozen) if path]

    def external_outputs(self, base: Path) -> Sequence[Path]:
        return [base / self.frozen] if self.frozen else []

    def run(self, context: Context) -> None:
        """Writes the schema.

        Raises:
            ConfigError: a schema file cannot be read, is none, or lacks the label.
            DataError: there are no training examples to infer from, or too many different labels.
        """
        self._check_number_of_labels()
        kept = next((path for path in self._kept(context.base) if path), None)
        content = self._keep(kept, context) if kept else self._infer(context)
        self.schema.uri.mkdir(parents=True, exist_ok=True)
        self.schema.path.write_bytes(content)

    def _check_number_of_labels(self) -> None:
        """Statistics list so many labels and no more: beyond that, rows would vanish from training unseen."""
        if self.label is None or self.task not in CLASS_TASKS:
            return
        for split in self._splits().values():
            label = split.features.get(self.label)
            if label is not None and not label.all_values_known:
                raise DataError(
                    f"A {self.task} must have at most {MOST_LABELS:,} different labels. Received: {label.distinct:,}"
                    f" in `{self.label}` of split `{split.name}`. Is that the label? Numbers want `task: regression`."
                )

    def _kept(self, base: Path) -> tuple[Path | None, Path | None]:
        frozen = base / self.frozen if self.frozen else None
        return base / self.curated if self.curated else None, frozen if frozen and frozen.exists() else None

    def _keep(self, path: Path, context: Context) -> bytes:
        content = read_schema_file(path)
        schema = parse_schema(content, str(path))
        if self.label is not None:
            check_label(schema, self.label, self.task, str(path))
        self._warn_of_unknown_columns(schema, path, context)
        grows = self.rules.new_labels == "grow" and not self.curated and self.task in CLASS_TASKS
        return self._grow(path, content, self.label, context) if grows and self.label is not None else content

    def _grow(self, path: Path, content: bytes, label: str, context: Context) -> bytes:
        """The frozen schema with the training split's new labels; its file is written where the data pass with them."""
        schema, train = parse_schema(content, str(path)), self._splits().get("train")
        counts = train.features[label].values if train and label in train.features else {}
        if not (new := new_labels(schema, label, counts)):
            return content
        grown = with_labels(content, schema, label, new)
        named = ", ".join(f"`{name}` ({counts[name]:,} examples)" for name in new)
        if broken := self._broken_rules(grown.schema):
            context.logger.warning("%s did not grow by %s, since the data breaks %s", path, named, ", ".join(broken))
            return grown.content
        write_atomically(grown.content, path)
        more = "" if grown.as_it_was else "; it was written anew, without comments"
        context.logger.warning("%s has grown by the new labels %s%s", path, named, more)
        return grown.content

    def _warn_of_unknown_columns(self, schema: schema_pb2.Schema, path: Path, context: Context) -> None:
        known = {feature.name for feature in schema.feature}
        for split in self._splits().values():
            unknown = sorted(split.features.keys() - known)
            if unknown:
                names = ", ".join(f"`{name}`" for name in unknown)
                context.logger.warning(
                    "%s does not know %s: nothing of that is validated. Add it there%s.",
                    path,
                    names,
                    "" if self.curated else ", or delete the file to have it inferred anew",
                )
                return

    def _infer(self, context: Context) -> bytes:
        splits = self._splits()
        if "train" not in splits or not splits["train"].examples:
            raise DataError("A schema is inferred from the split `train`, which has no examples.")
        schema = infer_schema(splits, self.label, self.task)
        content = schema_text(schema).encode("utf-8")
        if self.frozen:
            self._freeze(context.base / self.frozen, schema, content, context)
        return content

    def _freeze(self, path: Path, schema: schema_pb2.Schema, content: bytes, context: Context) -> None:
        broken = self._broken_rules(schema)
        if broken:
            context.logger.info("The schema was not frozen, since the data breaks %s.", ", ".join(broken))
        else:
            write_atomically(content, path)
            context.logger.info("The schema was inferred and frozen as %s: review it.", path)

    def _broken_rules(self, schema: schema_pb2.Schema) -> list[str]:
        """Rules for which ExampleValidator, which comes next, will refuse this data."""
        label = find_feature(schema, self.label) if self.label is not None else None
        if label is not None and self.task in CLASS_TASKS and len(string_domain(schema, label) or ()) < 2:
            return ["single_class"]
        if self.examples is None:
            return []
        judgement = judge(inspection_of(self.examples, self.statistics, schema, self.label), self.rules)
        return list(dict.fromkeys(failure.rule for failure in judgement.failures if failure.severity == "error"))

    def _splits(self) -> dict[str, SplitView]:
        return {name: load_statistics(self.statistics.split_path(name)) for name in self.statistics.splits()}
