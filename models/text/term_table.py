"""Counts of terms as arrays: kept on disk, and merged by sorting, without a Python object a term."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.text import term_counts
from models.text.term_counts import Integers, TermCounts, by_frequency

_MERGED_AT_ONCE: Final = 1 << 18
"""Terms that are merged together at least, so that what is merged already is not copied for each small table."""

_COPIED_AT_ONCE: Final = 1 << 17


@dataclass(frozen=True)
class TermTable:
    """Terms in the order of their hashes, as `TermCounts` hashes them.

    Args:
        hashes, counts: int64 `(terms,)`.
        content: bytes of the terms, one after the other, uint8.
        ends: where each ends in `content`, int64 `(terms,)`.
    """

    hashes: Integers
    counts: Integers
    content: NDArray[np.uint8]
    ends: Integers

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def of(cls, counts: TermCounts) -> Self:
        order = np.argsort(counts.hashes)
        terms = [counts.terms[row] for row in order.tolist()]
        ends = np.cumsum(np.fromiter(map(len, terms), np.int64, len(terms)))
        content = np.frombuffer(b"".join(terms), np.uint8)
        return cls(counts.hashes[order], counts.counts[order], content, ends)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """By the names that the constructor takes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def merged(cls, tables: Iterable["TermTable"]) -> "TermTable":
        """The sums of all; which is exact while there are no more than `term_counts.MAX_TERMS` terms.

        Beyond, the rarest are dropped, of equal counts those with the larger hashes; the result then depends on the
        order of the tables.
        """
        total, waiting = TermTable.of(TermCounts()), list[TermTable]()
        for table in tables:
            waiting.append(table)
            if sum(map(len, waiting)) >= max(len(total), _MERGED_AT_ONCE):
                total, waiting = _without_rarest(_sum([total, *waiting])), []
        return _without_rarest(_sum([total, *waiting]))

    def frequent(self, size: int, min_count: int) -> list[tuple[bytes, int]]:
        """As `TermCounts.frequent`."""
        rows = np.flatnonzero(self.counts >= min_count)
        if len(rows) > size > 0:
            least = -np.partition(-self.counts[rows], size - 1)[size - 1]
            rows = rows[self.counts[rows] >= least]
        return sorted(zip(self._terms(rows), self.counts[rows].tolist(), strict=True), key=by_frequency)[:size]

    def take(self, rows: Integers) -> "TermTable":
        """Some of the terms, in the order of `rows`."""
        lengths = np.diff(self.ends, prepend=0)[rows]
        starts, ends = self.ends[rows] - lengths, np.cumsum(lengths)
        content = [
            self.content[_places(starts[first : first + _COPIED_AT_ONCE], lengths[first : first + _COPIED_AT_ONCE])]
            for first in range(0, len(rows), _COPIED_AT_ONCE)
        ]
        joined = np.concatenate(content) if content else self.content[:0]
        return TermTable(self.hashes[rows], self.counts[rows], joined, ends)

    def _terms(self, rows: Integers) -> Iterator[bytes]:
        content, starts = self.content.tobytes(), np.concatenate([np.zeros(1, np.int64), self.ends])[rows]
        for start, end in zip(starts.tolist(), self.ends[rows].tolist(), strict=True):
            yield content[start:end]


def _sum(tables: list[TermTable]) -> TermTable:
    hashes, counts = (np.concatenate([getattr(table, name) for table in tables]) for name in ("hashes", "counts"))
    offsets = np.cumsum([0, *(len(table.content) for table in tables[:-1])])
    ends = np.concatenate([table.ends + offset for table, offset in zip(tables, offsets, strict=True)])
    order = np.argsort(hashes, kind="stable")  # which is quick with what is sorted in parts
    ordered = hashes[order]
    first = np.flatnonzero(np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]]))
    sums = np.add.reduceat(counts[order], first) if len(first) else counts
    joined = TermTable(hashes, counts, np.concatenate([table.content for table in tables]), ends)
    found = joined.take(order[first])
    return TermTable(found.hashes, sums, found.content, found.ends)


def _without_rarest(table: TermTable) -> TermTable:
    if len(table) <= term_counts.MAX_TERMS:
        return table
    kept = np.lexsort((table.hashes, -table.counts))[: term_counts.MAX_TERMS // 2]
    return table.take(np.sort(kept))


def _places(starts: Integers, lengths: Integers) -> Integers:
    """All places of some spans, one span after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
