"""From artifacts to what the rules look at."""

from dataclasses import dataclass
from typing import TypedDict

from tensorflow_metadata.proto.v0 import schema_pb2

from components.validation.inspection import TRAIN, Inspection, ValueTest
from schemas.artifacts import Examples, ExampleStatistics
from schemas.statistics import SplitView, load_statistics


class _Previous(TypedDict, total=False):
    previous: SplitView
    previous_missing: str


def inspection_of(
    examples: Examples,
    statistics: ExampleStatistics,
    schema: schema_pb2.Schema,
    label: str | None,
    previous: ExampleStatistics | None = None,
) -> Inspection:
    """The material of all rules; examples are only read where a rule that fails must name rows.

    Args:
        previous: statistics of the data that passed last.
    """
    names = sorted(statistics.splits(), key=lambda name: (name != TRAIN, name))
    return Inspection(
        ingestion=examples.ingestion(),
        splits={name: load_statistics(statistics.split_path(name)) for name in names},
        schema=schema,
        label=label or "",
        rows=_Rows(examples),
        **_previous(previous),
    )


def _previous(statistics: ExampleStatistics | None) -> _Previous:
    if statistics is None:
        return {}
    if not (statistics.split_path(TRAIN) / "FeatureStats.pb").is_file():
        return {"previous_missing": f"the statistics of the data that passed last are gone from {statistics.uri}"}
    return {"previous": load_statistics(statistics.split_path(TRAIN))}


@dataclass(frozen=True)
class _Rows:
    """Looks up rows, and loads what that needs only then."""

    examples: Examples

    def find(self, split: str, column: str, test: ValueTest) -> tuple[int, tuple[str, ...]]:
        from components.transforms.rows import ScannedRows

        return ScannedRows(self.examples, self.examples.ingestion().columns).find(split, column, test)
