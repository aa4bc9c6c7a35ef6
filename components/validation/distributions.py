"""What of two sets of examples can be compared: their features' distributions, from statistics of each."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

from components.validation.distances import REST, Samples
from schemas.statistics import FeatureView, ImageMeasure, SplitView

_DECILES: Final = range(10, 100, 10)


@dataclass(frozen=True)
class Distribution:
    """One quantity of one feature in two sets of examples.

    Args:
        feature: the column.
        what: the quantity, in words, such as "token length of `text`".
        samples: its values in both.
        categories: whether its bins are values that have no order.
        presence: whether it is about values that are there or missing.
    """

    feature: str
    what: str
    samples: Samples
    categories: bool
    presence: bool = False


def distributions(before: SplitView, now: SplitView) -> Iterator[Distribution]:
    """All that both sets of examples have."""
    for name, old in before.features.items():
        new = now.features.get(name)
        if new is not None and old.kind == new.kind:
            for found in _of_feature(name, old, new):
                if found.samples.comparable:
                    yield found


def _of_feature(name: str, old: FeatureView, new: FeatureView) -> Iterator[Distribution]:
    shown = f"`{name}`"
    yield replace(categories(name, f"presence of {shown}", _presence(old), _presence(new)), presence=True)
    if old.is_text and new.is_text:
        yield _numbers(name, f"token length of {shown}", old, new, "token_length")
        yield categories(name, f"scripts of {shown}", old.scripts, new.scripts)
    elif old.is_image and new.is_image:
        for measure in get_args(ImageMeasure):
            yield _numbers(name, f"{measure.replace('_', ' ')} of {shown}", old, new, f"image_{measure}")
        yield categories(name, f"formats of {shown}", old.image_formats, new.image_formats)
    elif old.kind == "BYTES":
        yield categories(name, shown, _all_values(old, new), _all_values(new, old))
    else:
        yield _numbers(name, shown, old, new)


def _presence(feature: FeatureView) -> dict[str, int]:
    common = feature.common
    return {"present": int(common.num_non_missing), "missing": int(common.num_missing)}


def _all_values(feature: FeatureView, other: FeatureView) -> dict[str, int]:
    """How often each value occurs; one that the other side may have, but does not list, is not told from the rest."""
    values = feature.values
    listed = values if other.all_values_known else {name: n for name, n in values.items() if name in other.values}
    rest = int(feature.common.tot_num_values) - sum(listed.values())
    quoted = {f"`{name}`": count for name, count in listed.items()}
    return {**quoted, REST: rest} if rest > 0 else quoted


def categories(feature: str, what: str, old: Mapping[str, int], new: Mapping[str, int]) -> Distribution:
    """Values and how often each occurs."""
    names = tuple(dict.fromkeys([*old, *new]))
    samples = Samples(names, tuple(old.get(n, 0) for n in names), tuple(new.get(n, 0) for n in names))
    return Distribution(feature, what, samples.pooled(), categories=True)


def _numbers(feature: str, what: str, old: FeatureView, new: FeatureView, measure: str = "") -> Distribution:
    return numbers(feature, what, *(Percentiles.of(view, measure) for view in (old, new)))


def numbers(feature: str, what: str, before: "Percentiles", now: "Percentiles") -> Distribution:
    """Numbers in bins between the deciles that they had before."""
    if not before.bounds or not now.bounds:
        return Distribution(feature, what, Samples((), (), ()), categories=False)
    edges = before.edges()
    samples = Samples(_names(edges), before.counts(edges), now.counts(edges))
    return Distribution(feature, what, samples, categories=False)


Edge = tuple[float, bool]
"""Where a bin ends, and whether the value itself belongs to it."""


@dataclass(frozen=True)
class Percentiles:
    """Numbers as their percentiles tell of them: how many there are, and the 101 bounds between hundredths."""

    bounds: Sequence[float]
    count: int

    @classmethod
    def of(cls, feature: FeatureView, measure: str = "") -> "Percentiles":
        """Those of a feature's numbers, or of a measure of its texts or pictures."""
        return cls(feature.percentiles(measure), int(feature.common.tot_num_values) - feature.not_finite)

    def edges(self) -> list[Edge]:
        """The deciles, each once. A value that a tenth or more of the numbers have is a bin of its own."""
        deciles = [self.bounds[place] for place in _DECILES]
        repeated = {
            value for value in deciles if bisect_right(self.bounds, value) - bisect_left(self.bounds, value) > 9
        }
        return sorted({(value, True) for value in deciles} | {(value, False) for value in repeated})

    def counts(self, edges: Sequence[Edge]) -> tuple[float, ...]:
        """How many of the numbers lie in each bin; the last one has no end."""
        shares = [0.0, *(self._share(*edge) for edge in edges), 1.0]
        return tuple(max(high - low, 0.0) * self.count for low, high in itertools.pairwise(shares))

    def _share(self, value: float, inclusive: bool) -> float:
        """The share of numbers below a value, or up to it; in between two bounds they count as evenly spread."""
        bounds = self.bounds
        place = bisect_right(bounds, value) if inclusive else bisect_left(bounds, value)
        if place == 0:
            return 0.0
        if place == len(bounds):
            return 1.0
        low, high = bounds[place - 1], bounds[place]
        within = (value - low) / (high - low) if high > low else 0.0
        return (place - 1 + within) / (len(bounds) - 1)


def _names(edges: Sequence[Edge]) -> tuple[str, ...]:
    """Bins in words: "up to 3", "3 to 7", "above 7"."""
    names = []
    for low, high in zip([None, *edges], [*edges, None], strict=True):
        if low is None:
            names.append(f"{'up to' if high and high[1] else 'below'} {high[0]:.4g}" if high else "all")
        elif high is None:
            names.append(f"above {low[0]:.4g}")
        else:
            names.append(f"{high[0]:.4g}" if low[0] == high[0] else f"{low[0]:.4g} to {high[0]:.4g}")
    return tuple(names)
