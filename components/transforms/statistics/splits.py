"""The Beam pipeline of StatisticsGen: one pass over every split, then partitions by hash for what compares rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apache_beam as beam

from components.transforms.beam import WriteBytes
from components.transforms.statistics.duplicates import match_texts
from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.neighbours import NearMatches, count_neighbours, match_bands
from components.transforms.statistics.observe import Columns, ObserveSplit, partition_of
from components.transforms.statistics.protos import SplitParts, to_bytes
from components.transforms.statistics.values import TOP, TOP_LABELS, count_values
from components.transforms.tfrecords import ReadBatches
from schemas.ingestion import SOURCE

_ROWS_PER_PARTITION: Final = 50_000


@dataclass(frozen=True)
class SplitFiles:
    """Where a split is read from and its statistics are written to."""

    name: str
    shards: tuple[Path, ...]
    output: Path


def partitions_for(rows: int) -> int:
    """Partitions of some 50,000 rows each."""
    return max(1, -(-rows // _ROWS_PER_PARTITION))


class MergeAll(beam.CombineFn):
    """Merges accumulators that have a method `merge`; the order does not matter."""

    def create_accumulator(self) -> Any:  # an accumulator of the kind that is merged, or None
        return None

    def add_input(self, accumulator: Any, element: Any) -> Any:
        if accumulator is None:
            return element
        accumulator.merge(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        merged = None
        for accumulator in accumulators:
            if accumulator is not None:
                merged = self.add_input(merged, accumulator)
        return merged

    def extract_output(self, accumulator: Any) -> Any:
        return accumulator


class WriteStatistics(beam.PTransform):
    """Statistics of all splits, from their shards to their files.

    Args:
        splits: what to read and where to write.
        columns: the examples' columns; see `Columns`.
        partitions: in how many parts rows are compared.
    """

    def __init__(self, splits: Iterable[SplitFiles], columns: Columns, partitions: int) -> None:
        super().__init__()
        self._splits, self._columns, self._partitions = tuple(splits), columns, partitions

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        observed = [self._observe(pbegin, split) for split in self._splits]

        def flat(tag: str) -> beam.PCollection:
            return [outputs[tag] for outputs in observed] | f"All {tag}" >> beam.Flatten()

        seeds = [(split.name, self._empty()) for split in self._splits]
        statistics = (flat(ObserveSplit.STATISTICS), pbegin | "Empty" >> beam.Create(seeds)) | beam.Flatten()
        neighbours = flat(ObserveSplit.BANDED) | NearDuplicates(self._partitions)
        parts = {
            "statistics": statistics | "Merge statistics" >> beam.CombinePerKey(MergeAll()),
            "values": flat(ObserveSplit.VALUES) | CountValues(self._columns.label),
            "matches": flat(ObserveSplit.ROWS) | CompareTexts(neighbours),
            "neighbours": neighbours | "Neighbours by split" >> beam.MapTuple(_by_split),
        }
        files = parts | "By split" >> beam.CoGroupByKey() | "Proto" >> beam.MapTuple(_split_bytes)
        return [
            files
            | f"Only {split.name}" >> beam.Filter(lambda file, name: file[0] == name, split.name)
            | f"Content of {split.name}" >> beam.Values()
            | f"Write {split.name}" >> WriteBytes(split.output)
            for split in self._splits
        ]

    def _observe(self, pbegin: beam.pvalue.PBegin, split: SplitFiles) -> Any:  # Beam's tuple of tagged outputs
        columns = {**self._columns.types, SOURCE: "BYTES"}
        tags = ObserveSplit.STATISTICS, ObserveSplit.VALUES, ObserveSplit.ROWS, ObserveSplit.BANDED
        return (
            pbegin
            | f"Read {split.name}" >> ReadBatches(split.shards, columns, ragged=True)
            | f"Observe {split.name}"
            >> beam.ParDo(ObserveSplit(split.name, self._columns, self._partitions)).with_outputs(*tags)
        )

    def _empty(self) -> SplitStatistics:
        return SplitStatistics.create(self._columns.types, self._columns.text)


class CountValues(beam.PTransform):
    """`((split, column, partition), counts)` to `(split, (column, ValueCounts))`."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def expand(self, counts: beam.PCollection) -> beam.PCollection:
        label = self._label

        def settle(key: tuple[str, str, int], parts: Iterable[list[tuple[bytes, int]]]) -> Any:
            return key[:2], count_values(parts, TOP_LABELS if key[1] == label else TOP)

        return (
            counts
            | "Values by partition" >> beam.GroupByKey()
            | "Count values" >> beam.MapTuple(settle)
            | "Merge values" >> beam.CombinePerKey(MergeAll())
            | "Values by split" >> beam.MapTuple(_by_split)
        )


class NearDuplicates(beam.PTransform):
    """`((split, column, partition), (bands, texts))` to `((split, column), NearMatches)`."""

    def __init__(self, partitions: int) -> None:
        super().__init__()
        self._partitions = partitions

    def expand(self, bands: beam.PCollection) -> beam.PCollection:
        partitions = self._partitions

        def spread(key: tuple[str, str, int], parts: Iterable[Any]) -> Iterable[Any]:
            texts, kept = match_bands(parts)
            for partition, places in partition_of(texts, partitions):
                yield (*key[:2], partition), (texts[places], kept[places])

        return (
            bands
            | "Bands by partition" >> beam.GroupByKey()
            | "Match bands" >> beam.FlatMapTuple(spread)
            | "Near texts by partition" >> beam.GroupByKey()
            | "Count near texts" >> beam.MapTuple(lambda key, pairs: (key[:2], count_neighbours(pairs)))
            | "Merge near texts" >> beam.CombinePerKey(MergeAll())
        )


class CompareTexts(beam.PTransform):
    """`((column, partition), TextRows)` to `(split, (column, TextMatches))`.

    Args:
        neighbours: near duplicates by split and column, whose origins are looked up on the way.
    """

    def __init__(self, neighbours: beam.PCollection) -> None:
        super().__init__()
        self._neighbours = neighbours

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        def settle(
            partition: tuple[tuple[str, int], Iterable[Any]], near: Mapping[tuple[str, str], NearMatches]
        ) -> Iterable[Any]:
            key, parts = partition
            wanted = {split: found.texts() for (split, column), found in near.items() if column == key[0]}
            for split, matches in match_texts(parts, wanted):
                yield (split, key[0]), matches

        return (
            rows
            | "Rows by partition" >> beam.GroupByKey()
            | "Match texts" >> beam.FlatMap(settle, near=beam.pvalue.AsDict(self._neighbours))
            | "Merge matches" >> beam.CombinePerKey(MergeAll())
            | "Matches by split" >> beam.MapTuple(_by_split)
        )


def _by_split(key: tuple[str, str], found: Any) -> tuple[str, tuple[str, Any]]:
    return key[0], (key[1], found)


def _split_bytes(split: str, found: Mapping[str, Iterable[Any]]) -> tuple[str, bytes]:
    (statistics,) = found["statistics"]
    return split, to_bytes(
        split,
        SplitParts(statistics, dict(found["values"]), dict(found["matches"]), dict(found["neighbours"])),
    )
