"""What the pass over a shard finds, piece by piece, as arrays: dealt to partitions at once, and kept for later runs.

Pieces say nothing of the split and of the number of partitions, which may be others when the shard comes again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from apache_beam.pvalue import TaggedOutput

from components.transforms.statistics.duplicates import TextRows
from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.lookalikes import HashedImages
from components.transforms.statistics.minhash import BANDS
from components.transforms.statistics.state import restored, state_of
from components.transforms.statistics.values import partition_counts
from components.transforms.statistics.words import Hashes, Integers

STATISTICS, VALUES, ROWS = "statistics", "values", "rows"
BANDED, HASHED = "bands", "hashes"
"""Kinds of pieces, and of what they become; see `deal`."""


@dataclass(frozen=True)
class Piece:
    """Arrays of one kind, by name, of one column.

    `rows` has `texts`, `labels`, `label_values` and `sources`, as `TextRows`; `bands` has `texts`, each once, and their
    `bands`; `hashes` has `images` and their `hashes`; `values` has the different values, one after the other, in
    `content`, their `lengths` and `counts`. `statistics` has the state of a `SplitStatistics`.
    """

    kind: str
    column: str
    arrays: Mapping[str, np.ndarray]
    state: Any = None  # JSON


def rows_piece(column: str, rows: TextRows) -> Piece:
    arrays = {"texts": rows.texts, "labels": rows.labels, "label_values": rows.label_values, "sources": rows.sources}
    return Piece(ROWS, column, arrays)


def values_piece(column: str, counts: Mapping[bytes, int]) -> Piece:
    lengths = np.fromiter(map(len, counts), np.int64, len(counts))
    content = np.frombuffer(b"".join(counts), np.uint8)
    return Piece(
        VALUES,
        column,
        {"content": content, "lengths": lengths, "counts": np.fromiter(counts.values(), np.int64, len(counts))},
    )


def statistics_piece(statistics: SplitStatistics) -> Piece:
    arrays: dict[str, np.ndarray] = {}
    state = state_of(statistics, arrays)
    return Piece(STATISTICS, "", arrays, state)


@dataclass(frozen=True)
class Deal:
    """Hands the pieces of shards on, by partition.

    Args:
        empty: statistics of no example.
        partitions: how many there are.
    """

    empty: SplitStatistics
    partitions: int

    def __call__(self, split: str, piece: Piece) -> Iterator[Any]:  # pairs and TaggedOutput
        """What `ObserveShards` gives of a piece of a split."""
        column, arrays = piece.column, piece.arrays
        if piece.kind == STATISTICS:
            yield (STATISTICS, split, "", 0), restored(self.empty, piece.state, dict(arrays))
        elif piece.kind == VALUES:
            for partition, counts in partition_counts(_counts(arrays), self.partitions):
                yield (VALUES, split, column, partition), counts
        elif piece.kind == ROWS:
            rows = TextRows(split, **arrays)
            for partition, places in partition_of(rows.texts, self.partitions):
                yield (ROWS, "", column, partition), rows.take(places)
        elif piece.kind == BANDED:
            bands, texts = arrays["bands"].ravel(), np.repeat(arrays["texts"], BANDS)
            for partition, places in partition_of(bands, self.partitions):
                yield TaggedOutput(BANDED, ((split, column, partition), (bands[places], texts[places])))
        else:
            hashed = HashedImages.of(split, arrays["images"], arrays["hashes"])
            for partition, places in partition_of(hashed.keys(), self.partitions):
                yield TaggedOutput(HASHED, ((column, partition), hashed.take(places)))


def _counts(arrays: Mapping[str, np.ndarray]) -> dict[bytes, int]:
    content, ends = arrays["content"].tobytes(), np.cumsum(arrays["lengths"]).tolist()
    starts = [0, *ends[:-1]] if ends else []
    return {
        content[start:end]: count for start, end, count in zip(starts, ends, arrays["counts"].tolist(), strict=True)
    }


def partition_of(hashes: Hashes, partitions: int) -> Iterator[tuple[int, Integers]]:
    """Places of the hashes by partition, where a partition has any."""
    owners = (hashes % np.uint64(partitions)).astype(np.int64)
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(partitions + 1))
    for partition in range(partitions):
        if bounds[partition] < bounds[partition + 1]:
            yield partition, order[bounds[partition] : bounds[partition + 1]]
