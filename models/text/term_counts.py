"""How often terms occur, by their hashes: counted in numpy, a term's bytes being needed only at its first sight."""

import heapq
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

MAX_TERMS: Final = 1 << 20
"""Terms that are kept. Beyond, the rarest are dropped, as lossy counting does (Manku & Motwani, VLDB 2002): counts of
terms near the threshold are then lower bounds, and which of these terms are kept depends on the sharding."""

_SLOTS_A_TERM: Final = 8
_FEWEST_SLOTS: Final = 1 << 16


class TermCounts:
    """Counts of terms, exact while there are at most MAX_TERMS of them.

    Terms are told apart by 63 bits of their hash. A direct-mapped table finds a known term's row from the low bits of
    its hash; the few terms whose slot another one holds are found by sorting.

    Attributes:
        terms: bytes of each row's term.
    """

    def __init__(self) -> None:
        self.terms: list[bytes] = []
        self._hashes, self._counts = np.empty(0, np.int64), np.empty(0, np.int64)
        self._rows: dict[int, int] = {}
        self._spread()

    def __len__(self) -> int:
        return len(self.terms)

    @property
    def counts(self) -> Integers:
        """Of each row, `(rows,)`."""
        return self._counts[: len(self)]

    @property
    def hashes(self) -> Integers:
        """Of each row's term, `(rows,)`."""
        return self._hashes[: len(self)]

    def add(self, hashes: Integers, counts: Integers | None, terms_at: Callable[[Integers], list[bytes]]) -> None:
        """Counts terms.

        Args:
            hashes: of the terms, each in [0, 2**63), `(terms,)`; the same term may come several times.
            counts: how often each occurred; once unless given.
            terms_at: the terms at some places of `hashes`.
        """
        rows = self._slots[hashes & (len(self._slots) - 1)]
        known = self._hashes[rows] == hashes if len(self) else np.zeros(len(hashes), np.bool_)
        self._count(rows[known], None if counts is None else counts[known])
        missed = np.flatnonzero(~known)
        if len(missed):
            self._add_missed(missed, hashes[missed], None if counts is None else counts[missed], terms_at)

    def frequent(self, size: int, min_count: int) -> list[tuple[bytes, int]]:
        """At most `size` terms with their counts, by falling count; of equal counts in the order of their bytes."""
        enough = np.flatnonzero(self.counts >= min_count)
        found = zip([self.terms[row] for row in enough.tolist()], self.counts[enough].tolist(), strict=True)
        return sorted(found, key=by_frequency)[:size]

    def _count(self, rows: Integers, counts: Integers | None) -> None:
        """Sums in float64, which is exact below 2**53."""
        if len(rows):
            self._counts[: len(self)] += np.bincount(rows, counts, minlength=len(self)).astype(np.int64)

    def _add_missed(
        self, places: Integers, hashes: Integers, counts: Integers | None, terms_at: Callable[[Integers], list[bytes]]
    ) -> None:
        unique, firsts, owners = np.unique(hashes, return_index=True, return_inverse=True)
        rows = [self._rows.get(key, -1) for key in unique.tolist()]
        fresh = [index for index, row in enumerate(rows) if row < 0]
        if fresh:
            first_row = len(self)
            self._append(unique[fresh], terms_at(places[firsts[fresh]]))
            for row, index in enumerate(fresh, first_row):
                rows[index] = row
        self._count(np.array(rows, np.int64)[owners], counts)
        if len(self) > MAX_TERMS:
            self._drop_rarest()

    def _append(self, hashes: Integers, terms: list[bytes]) -> None:
        first, last = len(self), len(self) + len(terms)
        if last > len(self._hashes):
            room = np.zeros(max(last, 2 * len(self._hashes)) - len(self._hashes), np.int64)
            self._hashes, self._counts = np.concatenate([self._hashes, room]), np.concatenate([self._counts, room])
        self._hashes[first:last] = hashes
        self.terms += terms
        self._rows.update(zip(hashes.tolist(), range(first, last), strict=True))
        if last * _SLOTS_A_TERM > len(self._slots):
            self._spread()
        else:
            self._slots[hashes & (len(self._slots) - 1)] = np.arange(first, last)

    def _spread(self) -> None:
        """A table with room for the terms to come; the most frequent are written last, and so hold their slots."""
        size = max(_FEWEST_SLOTS, 1 << (2 * _SLOTS_A_TERM * len(self)).bit_length())
        self._slots = np.zeros(size, np.int32)
        order = np.argsort(self.counts, kind="stable")
        self._slots[self._hashes[order] & (size - 1)] = order

    def _drop_rarest(self) -> None:
        """Keeps half of MAX_TERMS, the most frequent; of equal counts those that come first by their bytes."""
        counted = zip(self.terms, self.counts.tolist(), self._hashes[: len(self)].tolist(), strict=True)
        kept = heapq.nsmallest(MAX_TERMS // 2, counted, key=lambda entry: by_frequency(entry[:2]))
        self._restore([term for term, _, _ in kept], [hash for _, _, hash in kept], [count for _, count, _ in kept])

    def _restore(self, terms: list[bytes], hashes: Any, counts: Any) -> None:
        self.terms = terms
        self._hashes, self._counts = np.array(hashes, np.int64), np.array(counts, np.int64)
        self._rows = dict(zip(self._hashes.tolist(), range(len(terms)), strict=True))
        self._spread()

    def __getstate__(self) -> tuple[list[bytes], Integers, Integers]:
        """What Beam sends on: neither the table nor the room for more."""
        return self.terms, self._hashes[: len(self)], self.counts

    def __setstate__(self, state: tuple[list[bytes], Integers, Integers]) -> None:
        self._restore(*state)


def by_frequency(entry: tuple[bytes, int]) -> tuple[int, bytes]:
    """A key by which the most frequent come first; of equal counts in the order of their bytes."""
    term, count = entry
    return -count, term
