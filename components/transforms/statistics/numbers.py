"""Exact, order-free sums and bounded distributions of numbers.

Statistics must not depend on how the data is sharded, down to the last bit: artifacts are compared byte for byte. So
sums are integers of unbounded size, and a distribution's state depends on the multiset of its values alone.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_UNIT = 1200
"""Float sums are counted in units of 2**-1200: every float64, and the square of every float32, is a multiple."""

DISTINCT = 4096
"""Distinct values that a distribution holds exactly before it turns to buckets."""

_MANTISSA = 7
"""Bits of the mantissa that a bucket keeps: a bucket is 1/128 wide, so quantiles are right to 0.4 %."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def _sum_floats(values: Floats) -> int:
    """The exact sum of finite values in units of 2**-1200, exponent by exponent (Neal, 2015, superaccumulators)."""
    if not len(values):
        return 0
    mantissa, exponent = np.frexp(values)
    high = np.trunc(np.ldexp(mantissa, 27))
    low = np.ldexp(np.ldexp(mantissa, 27) - high, 26)
    lowest = int(exponent.min())
    bins = exponent - lowest
    total = 0
    for part, bits in ((high, 27), (low, 53)):
        for place, amount in enumerate(np.bincount(bins, weights=part).tolist()):
            total += int(amount) << (lowest + place - bits + _UNIT)
    return total


def _sum_integers(values: Integers) -> int:
    return (int(np.sum(values >> 32)) << 32) + int(np.sum(values & 0xFFFFFFFF))


def _sum_squares(values: Integers) -> int:
    if len(values) and max(int(values.max()), -int(values.min())) >= 1 << 31:
        return sum(value * value for value in values.tolist())
    return _sum_integers(values * values)


@dataclass
class Moments:
    """Count, mean and standard deviation, exact until they are rounded to a float."""

    count: int = 0
    total: int = 0
    squares: int = 0
    unit: int = 0
    """`total` is in units of 2**-unit, `squares` too."""

    def add(self, values: Floats | Integers) -> None:
        """Adds finite values: int64, or float64 that came from float32."""
        self.count += len(values)
        if values.dtype.kind == "i":
            integers = values.astype(np.int64)
            self.total += _sum_integers(integers)
            self.squares += _sum_squares(integers)
        else:
            floats = values.astype(np.float64)
            self.unit = _UNIT
            self.total += _sum_floats(floats)
            self.squares += _sum_floats(floats * floats)

    def merge(self, other: "Moments") -> None:
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.unit = max(self.unit, other.unit)

    @property
    def mean(self) -> float:
        return float(Fraction(self.total, self.count << self.unit)) if self.count else 0.0

    @property
    def std_dev(self) -> float:
        """The population's standard deviation."""
        if not self.count:
            return 0.0
        variance = Fraction(self.squares, self.count << self.unit) - Fraction(self.total, self.count << self.unit) ** 2
        return float(variance) ** 0.5


@dataclass(frozen=True)
class Bucket:
    """A span of values and how many of them lie in it."""

    low: float
    high: float
    count: float


def _empty_floats() -> Floats:
    return np.empty(0, np.float64)


def _empty_integers() -> Integers:
    return np.empty(0, np.int64)


@dataclass
class Distribution:
    """How numbers are distributed, in bounded memory and free of their order.

    Up to 4,096 distinct values are counted exactly. Beyond that values are counted in log-linear buckets that keep
    seven bits of the mantissa, as in DDSketch (Masson, Rim and Lee, VLDB 2019) with its interpolated mapping: quantiles
    then have a relative error of at most 0.4 %. Whether the bound is passed depends on the values alone, so any order
    of merging gives the same state.
    """

    exact: bool = True
    keys: Floats | Integers = field(default_factory=_empty_floats)
    """Distinct values, or bucket numbers, sorted."""
    counts: Integers = field(default_factory=_empty_integers)
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, values: Floats | Integers) -> None:
        """Adds finite numbers of any shape `(count,)`."""
        if not len(values):
            return
        floats = values.astype(np.float64) + 0.0  # turns -0.0 into 0.0
        self.low, self.high = min(self.low, float(floats.min())), max(self.high, float(floats.max()))
        points, counts = np.unique(floats, return_counts=True)
        self._absorb(points if self.exact else _bucket_of(points), counts)

    def merge(self, other: "Distribution") -> None:
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        if self.exact and not other.exact:
            self._to_buckets()
        self._absorb(_bucket_of(other.keys) if other.exact and not self.exact else other.keys, other.counts)

    @property
    def count(self) -> int:
        return int(self.counts.sum())

    def quantiles(self, shares: Iterable[float]) -> list[float]:
        """The smallest values that at least these shares of all values do not exceed; NaN when there are none."""
        shares = list(shares)
        if not len(self.counts):
            return [float("nan")] * len(shares)
        cumulative = np.cumsum(self.counts)
        ranks = np.ceil(np.asarray(shares) * cumulative[-1] - 1e-9)
        places = np.searchsorted(cumulative, np.maximum(ranks, 1))
        found = np.clip(self._points()[places], self.low, self.high)
        ends = {0.0: self.low, 1.0: self.high}
        return [ends.get(share, float(value)) for share, value in zip(shares, found, strict=True)]

    def equal_width(self, buckets: int = 10) -> list[Bucket]:
        """A standard histogram from the lowest value to the highest."""
        if not len(self.counts):
            return []
        if self.low == self.high:
            return [Bucket(self.low, self.high, self.count)]
        edges = np.array([self.low + (self.high - self.low) * step / buckets for step in range(buckets)] + [self.high])
        points = np.clip(self._points(), self.low, self.high)
        places = np.clip(np.searchsorted(edges, points, side="right") - 1, 0, buckets - 1)
        counts = np.bincount(places, weights=self.counts, minlength=buckets)
        return [
            Bucket(float(edges[place]), float(edges[place + 1]), float(count)) for place, count in enumerate(counts)
        ]

    def equal_count(self, buckets: int = 10) -> list[Bucket]:
        """A quantile histogram: bounds between which equally many values lie."""
        if not len(self.counts):
            return []
        return [Bucket(low, high, self.count / buckets) for low, high in itertools.pairwise(self.bounds(buckets))]

    def bounds(self, parts: int = 100) -> tuple[float, ...]:
        """The least values that at least 0, 1, ... of so many parts do not exceed; empty where there are none."""
        return tuple(self.quantiles(step / parts for step in range(parts + 1))) if len(self.counts) else ()

    def share_up_to(self, value: float) -> float:
        """The share of values at most `value`."""
        return float(self.counts[self._points() <= value].sum() / max(self.count, 1))

    def _points(self) -> Floats:
        return self.keys.astype(np.float64) if self.exact else _middle_of(self.keys.astype(np.int64))

    def _absorb(self, keys: Floats | Integers, counts: Integers) -> None:
        joined = np.concatenate([self.keys, keys]) if len(self.keys) else keys
        self.keys, places = np.unique(joined, return_inverse=True)
        weights = np.concatenate([self.counts, counts])
        self.counts = np.zeros(len(self.keys), np.int64)
        np.add.at(self.counts, places, weights)
        if self.exact and len(self.keys) > DISTINCT:
            self._to_buckets()

    def _to_buckets(self) -> None:
        self.exact = False
        points, counts = self.keys, self.counts
        self.keys, self.counts = _empty_integers(), _empty_integers()
        if len(points):
            self._absorb(_bucket_of(points), counts)


_SHIFT = 52 - _MANTISSA


def _bucket_of(points: Floats | Integers) -> Integers:
    """Bucket numbers in the order of the values: the upper bits of a float's own representation."""
    magnitude = np.abs(points.astype(np.float64)).view(np.int64) >> _SHIFT
    return np.where(points < 0, -magnitude - 1, magnitude)


def _middle_of(buckets: Integers) -> Floats:
    magnitude = np.where(buckets < 0, -buckets - 1, buckets)
    low = (magnitude << _SHIFT).view(np.float64)
    high = ((magnitude + 1) << _SHIFT).view(np.float64)
    middle = np.where(magnitude == 0, 0.0, low + (high - low) / 2)
    return np.where(buckets < 0, -middle, middle)
