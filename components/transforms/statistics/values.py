"""Exact counts of the values of string features that are no texts: labels, categories, identifiers.

Counted by partitions of a hash of the value, so that no worker holds more than its share of the different values, and
the result is exact however many there are.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import tensorflow as tf

from schemas.ingestion import LONGEST_LABEL, MOST_LABELS

LONGEST: Final = LONGEST_LABEL
"""Bytes of a value that are kept, so never less than a label; a longer one is cut and told apart by a hash."""

TOP: Final = 1000
"""Most frequent values that are kept of a feature."""

TOP_LABELS: Final = MOST_LABELS
"""The same of the label, whose values are the classes."""


@dataclass
class ValueCounts:
    """How often values occur: the number of different ones and the most frequent, most frequent first."""

    limit: int = TOP
    distinct: int = 0
    top: list[tuple[bytes, int]] = field(default_factory=list)

    def merge(self, other: "ValueCounts") -> None:
        """Adds the counts of other values: no value may be in both."""
        self.limit = max(self.limit, other.limit)
        self.distinct += other.distinct
        self.top = heapq.nsmallest(self.limit, [*self.top, *other.top], key=_by_frequency)


def _by_frequency(item: tuple[bytes, int]) -> tuple[int, bytes]:
    return -item[1], item[0]


def shorten(values: list[bytes]) -> list[bytes]:
    """Values of at most some 300 bytes that differ where the originals do."""
    if max(map(len, values), default=0) <= LONGEST:
        return values
    return [value if len(value) <= LONGEST else _cut(value) for value in values]


def _cut(value: bytes) -> bytes:
    fingerprint = int(tf.strings.to_hash_bucket_fast(value, 2**63 - 1))
    kept = value[:LONGEST].decode("utf-8", "ignore").encode("utf-8")
    return kept + f"... [{len(value)} bytes, {fingerprint:016x}]".encode()


def partition_counts(counter: Mapping[bytes, int], partitions: int) -> Iterator[tuple[int, list[tuple[bytes, int]]]]:
    """The counts by partition of the value's hash."""
    if not counter:
        return
    owners = tf.strings.to_hash_bucket_fast(list(counter), partitions).numpy().tolist()
    parts: dict[int, list[tuple[bytes, int]]] = {}
    for owner, item in zip(owners, counter.items(), strict=True):
        parts.setdefault(owner, []).append(item)
    yield from parts.items()


def count_values(counts: Iterable[list[tuple[bytes, int]]], limit: int = TOP) -> ValueCounts:
    """One partition's counts, from those of all batches."""
    total: Counter[bytes] = Counter()
    for part in counts:
        for value, count in part:
            total[value] += count
    return ValueCounts(limit, len(total), heapq.nsmallest(limit, total.items(), key=_by_frequency))
