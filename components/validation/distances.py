"""How far two samples of one quantity are from each other, and how far they would be by chance alone.

A sample is counted over bins. Half an example is added to every bin (Jeffreys' prior), so that a bin that one of the
samples lacks makes no distance infinite.

Two samples of the same source differ, too: for `n` and `m` values in `B` bins, the population stability index is then
distributed as `(1/n + 1/m)` times chi-squared with `B - 1` degrees of freedom (Yurdakul and Naranjo, Journal of Risk
Model Validation 14, 2020), and the Jensen-Shannon divergence, to which it is proportional for small differences, as an
eighth of it in nats. What lies within the 99.9 % quantile is put down to chance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_BY_CHANCE: Final = 0.001
"""Of samples from one source, how many are taken for different."""
_PRIOR: Final = 0.5
_LEAST: Final = 10
"""Values that a bin must hold in both samples together; smaller ones become one."""
REST: Final = "other values"
_SHOWN: Final = 3


@dataclass(frozen=True)
class Samples:
    """Two samples over the same bins.

    Args:
        names: of the bins, for people.
        before, now: values in each bin.
    """

    names: tuple[str, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]

    @property
    def comparable(self) -> bool:
        """Whether both hold values."""
        return sum(self.before) > 0 and sum(self.now) > 0

    def pooled(self) -> "Samples":
        """The same with the rare bins as one: identifiers, whose every value is new, tell of no change."""
        rows = list(zip(self.names, self.before, self.now, strict=True))
        kept = [row for row in rows if row[1] + row[2] >= _LEAST]
        rest = [row for row in rows if 0 < row[1] + row[2] < _LEAST]
        if rest:
            kept.append((REST, sum(row[1] for row in rest), sum(row[2] for row in rest)))
        names, before, now = zip(*kept, strict=True) if kept else ((), (), ())
        return Samples(names, before, now)

    def moved_most(self) -> str:
        """The bins whose shares differ most: "`ship` 5 % -> 20 %, ..."."""
        before, now = _shares(self.before, 0), _shares(self.now, 0)
        order = sorted(range(len(self.names)), key=lambda place: -abs(now[place] - before[place]))
        return ", ".join(
            f"{self.names[place]} {before[place] * 100:.3g} % -> {now[place] * 100:.3g} %" for place in order[:_SHOWN]
        )


@dataclass(frozen=True)
class Distance:
    """A distance, and what chance may make of it."""

    value: float
    chance: float

    @property
    def beyond_chance(self) -> float:
        """The distance; zero where chance explains it."""
        return self.value if self.value > self.chance else 0.0


Measure = Callable[[Samples], Distance]


def l_infinity(samples: Samples) -> Distance:
    """The largest difference of a bin's shares, in [0, 1]; chance by two-sided z-tests with Bonferroni's correction."""
    n, m = sum(samples.before), sum(samples.now)
    z = NormalDist().inv_cdf(1 - _BY_CHANCE / 2 / len(samples.names))
    found = Distance(0.0, 0.0)
    for before, now in zip(samples.before, samples.now, strict=True):
        pooled = (before + now) / (n + m)
        difference = Distance(abs(before / n - now / m), z * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))
        found = max(found, difference, key=lambda distance: (distance.beyond_chance, distance.value))
    return found


def jensen_shannon(samples: Samples) -> Distance:
    """The Jensen-Shannon divergence in bits, in [0, 1] (Lin, IEEE Transactions on Information Theory 37, 1991)."""
    before, now = _shares(samples.before, _PRIOR), _shares(samples.now, _PRIOR)
    middle = [(p + q) / 2 for p, q in zip(before, now, strict=True)]
    value = (_relative_entropy(before, middle) + _relative_entropy(now, middle)) / 2 / math.log(2)
    return Distance(value, _chance(samples) / 8 / math.log(2))


def population_stability(samples: Samples) -> Distance:
    """The population stability index: Jeffreys' divergence in nats, 0 or more."""
    before, now = _shares(samples.before, _PRIOR), _shares(samples.now, _PRIOR)
    return Distance(_relative_entropy(before, now) + _relative_entropy(now, before), _chance(samples))


def _relative_entropy(shares: list[float], others: list[float]) -> float:
    return math.fsum(p * math.log(p / q) for p, q in zip(shares, others, strict=True))


def _shares(counts: tuple[float, ...], prior: float) -> list[float]:
    total = math.fsum(counts) + prior * len(counts)
    return [(count + prior) / total for count in counts]


def _chance(samples: Samples) -> float:
    from scipy.special import chdtri

    if len(samples.names) < 2:
        return 0.0
    scale = 1 / sum(samples.before) + 1 / sum(samples.now)
    return scale * float(chdtri(len(samples.names) - 1, _BY_CHANCE))
