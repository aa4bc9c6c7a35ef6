"""Rules that hold today's training data against that which passed last.

Distances are TensorFlow Data Validation's, L-infinity and Jensen-Shannon, with the population stability index beside
them. A feature that has a `drift_comparator` in the schema is held to the limit given there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.validation.distances import Measure, jensen_shannon, l_infinity, population_stability
from components.validation.distributions import Distribution, distributions
from components.validation.inspection import TRAIN, Check, Inspection, Measured, Reason, Rule

_Kind = anomalies_pb2.DriftSkewInfo.Measurement
_ADVICE: Final = "Look at where the data comes from; if that is how the world is now, it is what to train on"
Comparator = Literal["drift_comparator", "skew_comparator"]


@dataclass(frozen=True)
class Metric:
    """A distance as rules use it.

    Args:
        key: its name in rules.
        name: in words.
        measure: computes it.
        norm: the field of a schema's comparator that has its limit; empty where there is none.
        reason: the anomaly's type.
        kind: what TensorFlow Data Validation calls the measurement.
        only_categories: whether it is for values without an order alone.
    """

    key: str
    name: str
    measure: Measure
    norm: str = ""
    reason: int = Reason.CUSTOM_VALIDATION
    kind: int = _Kind.UNKNOWN
    only_categories: bool = False


LINF: Final = Metric(
    "linf",
    "largest difference of a share",
    l_infinity,
    "infinity_norm",
    Reason.COMPARATOR_L_INFTY_HIGH,
    _Kind.L_INFTY,
    only_categories=True,
)
JS: Final = Metric(
    "js",
    "Jensen-Shannon divergence",
    jensen_shannon,
    "jensen_shannon_divergence",
    Reason.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
    _Kind.JENSEN_SHANNON_DIVERGENCE,
)
PSI: Final = Metric("psi", "population stability index", population_stability)


def drift_linf(inspection: Inspection) -> Rule:
    """Labels, categories, scripts and formats have the shares that they had."""
    return _drift(inspection, "drift_linf", LINF)


def drift_js(inspection: Inspection) -> Rule:
    """These, and numbers, are distributed as they were."""
    return _drift(inspection, "drift_js", JS)


def drift_psi(inspection: Inspection) -> Rule:
    """The same, as credit scoring measures it."""
    return _drift(inspection, "drift_psi", PSI)


def _drift(inspection: Inspection, name: str, metric: Metric) -> Rule:
    expected = f"{metric.name} between `train` and the data that passed last: {{limit}}"
    if inspection.previous is None:
        return Rule(name, expected, skipped=f"skipped: {inspection.previous_missing}", plain=True)
    limits = comparator_limits(inspection.schema, "drift_comparator", metric)
    found = distributions(inspection.previous, inspection.splits[TRAIN])
    checks = tuple(compare(TRAIN, found, metric, limits))
    return Rule(name, expected, checks, _ADVICE, plain=True)


def compare(
    split: str, quantities: Iterable[Distribution], metric: Metric, limits: Mapping[str, float]
) -> Iterator[Check]:
    """A check of each quantity that the metric is for.

    Args:
        split: what the newer examples are called.
        limits: those of single features.
    """
    for found in quantities:
        if found.categories or not metric.only_categories:
            yield _check(split, found, metric, limits.get(found.feature))


def _check(split: str, found: Distribution, metric: Metric, limit: float | None = None) -> Check:
    """One quantity's distance; one that chance explains is none."""
    distance = metric.measure(found.samples)
    own = "" if limit is None else f", the schema allows {limit:.3g}"
    return Check(
        split,
        distance.beyond_chance,
        f"{found.what} {distance.value:.3g} (by chance up to {distance.chance:.3g}{own}): {found.samples.moved_most()}",
        found.feature,
        metric.reason,
        telling=True,
        limit=limit,
        measured=Measured(metric.key, found.what, distance.value, distance.chance, metric.kind),
    )


def comparator_limits(schema: schema_pb2.Schema, comparator: Comparator, metric: Metric) -> dict[str, float]:
    """Limits of single features in the schema."""
    return {
        feature.name: getattr(getattr(feature, comparator), metric.norm).threshold
        for feature in schema.feature
        if metric.norm and feature.HasField(comparator) and getattr(feature, comparator).HasField(metric.norm)
    }
