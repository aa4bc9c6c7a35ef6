"""The Beam pipeline of StatisticsGen: one pass over every split, then partitions by hash for what compares rows.

Three groupings, whatever the number of splits and columns: bands of MinHash signatures by band; rows, pairs of near
duplicates and values by their own hash; and what is known of a split by its name. Pictures, where there are any, add a
fourth: perceptual hashes by band. Few and large elements keep Beam's
cost a stage, and an element, out of the sum.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems

from components.partials import Partials
from components.transforms.spread import Spread
from components.transforms.statistics.duplicates import TextRows, match_texts
from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.lookalikes import HashedImages, match_hashes
from components.transforms.statistics.neighbours import count_neighbours, match_bands
from components.transforms.statistics.observe import Columns, Key, ObserveShards
from components.transforms.statistics.pieces import BANDED, HASHED, ROWS, STATISTICS, VALUES, partition_of
from components.transforms.statistics.protos import SplitParts, to_bytes
from components.transforms.statistics.sources import KEPT
from components.transforms.statistics.values import TOP, TOP_LABELS, count_values
from components.transforms.statistics.words import Hashes
from components.transforms.tfrecords import BATCH_SIZE

NEAR, WANTED = "near", "wanted"
"""Pairs of near duplicates; and texts among them whose origins are to be told."""

NEAR_TRAIN, WANTED_OF_TRAIN = "near train", "wanted of train"
"""The same across splits: pairs with the training split, and those whose origins in it are to be told."""

_ROWS_PER_PARTITION: Final = 50_000
IMAGES_PER_BATCH: Final = 64
"""Pictures that are read together at most, since each is decoded, too."""


@dataclass(frozen=True)
class SplitFiles:
    """Where a split is read from and its statistics are written to; the SHA-256 of each shard, where it is known."""

    name: str
    shards: tuple[Path, ...]
    output: Path
    digests: tuple[str, ...] = ()


def partitions_for(rows: int) -> int:
    """Partitions of some 50,000 rows each."""
    return max(1, -(-rows // _ROWS_PER_PARTITION))


class WriteStatistics(beam.PTransform):
    """Statistics of all splits, from their shards to their files.

    Args:
        splits: what to read and where to write.
        columns: the examples' columns; see `Columns`.
        partitions: in how many parts rows are compared.
        batch_size: examples that are read together; as many as do for texts unless given.
        partials: where what was found of a shard is kept, by its digest.
        code: digest of the code that looks at examples.
    """

    def __init__(
        self,
        splits: Iterable[SplitFiles],
        columns: Columns,
        partitions: int,
        batch_size: int | None = None,
        *,
        partials: Partials | None = None,
        code: str = "",
    ) -> None:
        super().__init__()
        self._splits, self._columns, self._partitions = tuple(splits), columns, partitions
        self._observe = ObserveShards(columns, partitions, batch_size or BATCH_SIZE, partials=partials, code=code)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        shards = [
            (split.name, str(path), digest)
            for split in self._splits
            for path, digest in zip(split.shards, split.digests or [""] * len(split.shards), strict=True)
        ]
        outputs = {split.name: str(split.output) for split in self._splits}
        observed = (
            pbegin
            | "Shards" >> beam.Create(shards, reshuffle=False)
            | "Observe" >> Spread(self._observe, BANDED, HASHED, main="found")
        )
        near = (
            observed[BANDED]
            | "By band" >> beam.GroupByKey()
            | "Match bands" >> beam.FlatMap(_match_bands, self._partitions)
        )
        found = [observed["found"], near, pbegin | "Empty" >> beam.Create(self._seeds())]
        if self._columns.images:
            found.append(
                observed[HASHED]
                | "By hash band" >> beam.GroupByKey()
                | "Match hashes" >> beam.FlatMap(_match_hashes, self._partitions)
            )
        return (
            found
            | beam.Flatten()
            | "By hash" >> beam.GroupByKey()
            | "Settle" >> beam.FlatMap(_settle, self._columns)
            | "By split" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, outputs)
        )

    def _seeds(self) -> list[tuple[Key, SplitStatistics]]:
        """Empty statistics, so that a split without examples has some too."""
        empty = SplitStatistics.create(self._columns.types, self._columns.text, self._columns.images)
        return [((STATISTICS, split.name, "", 0), empty) for split in self._splits]


def _match_bands(group: tuple[tuple[str, str, int], Iterable[Any]], partitions: int) -> Iterator[tuple[Key, Any]]:
    """Pairs of near duplicates by the first one's partition, and the few that will be shown by both ones'."""
    (split, column, _), parts = group
    texts, kept = match_bands(parts)
    for partition, places in partition_of(texts, partitions):
        yield (ROWS, "", column, partition), (NEAR, split, (texts[places], kept[places]))
    shown = np.unique(np.concatenate([texts[:KEPT], kept[:KEPT]]))
    for partition, places in partition_of(shown, partitions):
        yield (ROWS, "", column, partition), (WANTED, split, shown[places])


def _match_hashes(group: tuple[tuple[str, int], Iterable[HashedImages]], partitions: int) -> Iterator[tuple[Key, Any]]:
    """The same for pictures."""
    (column, _), parts = group
    for found in match_hashes(parts):
        within = found.split == found.other
        for partition, places in partition_of(found.images, partitions):
            pairs = found.images[places], found.kept[places]
            yield (ROWS, "", column, partition), (NEAR if within else NEAR_TRAIN, found.split, pairs)
        for kind, shown in ((WANTED, found.images[:KEPT]), (WANTED if within else WANTED_OF_TRAIN, found.kept[:KEPT])):
            for partition, places in partition_of(shown, partitions):
                yield (ROWS, "", column, partition), (kind, found.split, shown[places])


def _settle(group: tuple[Key, Iterable[Any]], columns: Columns) -> Iterator[tuple[str, tuple[str, str, Any]]]:
    """What one partition says of a split: `(split, (kind, column, accumulator))`."""
    (kind, split, column, _), parts = group
    if kind == STATISTICS:
        yield split, (STATISTICS, "", _merged(parts))
    elif kind == VALUES:
        yield split, (VALUES, column, count_values(parts, TOP_LABELS if column == columns.label else TOP))
    else:
        yield from _settle_rows(column, list(parts), "picture" if column in columns.images else "text")


def _settle_rows(column: str, parts: list[Any], thing: str) -> Iterator[tuple[str, tuple[str, str, Any]]]:
    wanted: dict[str, dict[str, list[int]]] = {WANTED: {}, WANTED_OF_TRAIN: {}}
    pairs: dict[tuple[str, str], list[tuple[Hashes, Hashes]]] = {}
    for part in parts:
        if not isinstance(part, TextRows):
            kind, split, found = part
            if kind in wanted:
                wanted[kind].setdefault(split, []).extend(found.tolist())
            else:
                pairs.setdefault((kind, split), []).append(found)
    rows = (part for part in parts if isinstance(part, TextRows))
    for split, matches in match_texts(rows, wanted[WANTED], wanted[WANTED_OF_TRAIN], thing):
        yield split, (ROWS, column, matches)
    for (kind, split), near in pairs.items():
        yield split, (kind, column, count_neighbours(near))


def _merged(accumulators: Iterable[Any]) -> Any:
    """One accumulator of all; each has a method `merge`."""
    merged: Any = None
    for accumulator in accumulators:
        if merged is None:
            merged = accumulator
        else:
            merged.merge(accumulator)
    return merged


def _write(group: tuple[str, Iterable[tuple[str, str, Any]]], outputs: dict[str, str]) -> None:
    split, found = group
    accumulators: dict[tuple[str, str], Any] = {}
    for kind, column, accumulator in found:
        if (kind, column) in accumulators:
            accumulators[kind, column].merge(accumulator)
        else:
            accumulators[kind, column] = accumulator

    def by_column(kind: str) -> dict[str, Any]:
        return {column: accumulator for (of, column), accumulator in accumulators.items() if of == kind}

    parts = SplitParts(
        accumulators[STATISTICS, ""], by_column(VALUES), by_column(ROWS), by_column(NEAR), by_column(NEAR_TRAIN)
    )
    with FileSystems.create(outputs[split], compression_type="uncompressed") as file:
        file.write(to_bytes(split, parts))
