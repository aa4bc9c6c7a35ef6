"""From artifacts to what the rules look at."""

from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from components.validation.inspection import TRAIN, Inspection, ValueTest
from schemas.artifacts import Examples, ExampleStatistics
from schemas.statistics import load_statistics


def inspection_of(
    examples: Examples, statistics: ExampleStatistics, schema: schema_pb2.Schema, label: str
) -> Inspection:
    """The material of all rules; examples are only read where a rule that fails must name rows."""
    names = sorted(statistics.splits(), key=lambda name: (name != TRAIN, name))
    return Inspection(
        ingestion=examples.ingestion(),
        splits={name: load_statistics(statistics.split_path(name)) for name in names},
        schema=schema,
        label=label,
        rows=_Rows(examples),
    )


@dataclass(frozen=True)
class _Rows:
    """Looks up rows, and loads what that needs only then."""

    examples: Examples

    def find(self, split: str, column: str, test: ValueTest) -> tuple[int, tuple[str, ...]]:
        from components.transforms.rows import ScannedRows

        return ScannedRows(self.examples, self.examples.ingestion().columns).find(split, column, test)
