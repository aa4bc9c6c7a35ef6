"""A schema from statistics: what the first data looked like, in words that a person can review and edit."""

from collections.abc import Mapping
from typing import Final

from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.config import CLASS_TASKS, Task
from schemas.ingestion import FeatureType
from schemas.statistics import FeatureView, SplitView

LARGEST_DOMAIN: Final = 100
"""A string feature with more values than this gets no domain."""

_SIGHTINGS: Final = 10
"""Nor does one whose values are seen less often than this, on average: names and identifiers."""

_TYPES: dict[FeatureType, int] = {"BYTES": schema_pb2.BYTES, "INT": schema_pb2.INT, "FLOAT": schema_pb2.FLOAT}


def infer_schema(splits: Mapping[str, SplitView], label: str | None, task: Task) -> schema_pb2.Schema:
    """What holds for the training split; domains of other features than the label are widened to all splits.

    Types, presence (`min_fraction: 1` where nothing is missing) and the number of values come from the training split,
    and so do the classes: a label that only another split knows cannot be learned. A numeric domain leaves room on
    both sides as wide as the values themselves: it is there to catch another unit or a -999, not a new record.
    """
    train = splits["train"]
    schema = schema_pb2.Schema()
    for name, view in sorted(train.features.items()):
        feature = schema.feature.add(name=name, type=_TYPES[view.kind])
        _add_presence(feature, view)
        others = [split.features[name] for split in splits.values() if name in split.features]
        if name == label:
            _add_label(feature, view, task)
        elif view.is_text:
            feature.natural_language_domain.SetInParent()
        elif view.is_image:
            feature.image_domain.SetInParent()
        elif view.kind == "BYTES":
            _add_strings(feature, others)
        else:
            _add_numbers(feature, others)
    return schema


def _add_presence(feature: schema_pb2.Feature, view: FeatureView) -> None:
    common = view.common
    if common.num_non_missing:
        feature.value_count.min = common.min_num_values
        feature.value_count.max = common.max_num_values
        feature.presence.min_count = 1
        if not common.num_missing:
            feature.presence.min_fraction = 1.0


def _add_label(feature: schema_pb2.Feature, view: FeatureView, task: Task) -> None:
    if task in CLASS_TASKS:
        if task == "multi-label":  # no label at all, or more than any example had so far, is as good as any other
            feature.presence.ClearField("min_fraction")
            feature.ClearField("value_count")
        feature.string_domain.name = feature.name
        feature.string_domain.value.extend(sorted(view.values))
        feature.string_domain.is_categorical = schema_pb2.StringDomain.CATEGORICAL_YES
    elif view.kind == "FLOAT":
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True


def _add_strings(feature: schema_pb2.Feature, views: list[FeatureView]) -> None:
    """A domain for a feature with few values, each of which is seen often."""
    values = {value for view in views for value in view.values}
    seen = sum(view.common.tot_num_values for view in views)
    known = all(view.all_values_known for view in views)
    if known and 0 < len(values) <= LARGEST_DOMAIN and seen >= _SIGHTINGS * len(values):
        feature.string_domain.name = feature.name
        feature.string_domain.value.extend(sorted(values))
        feature.string_domain.is_categorical = schema_pb2.StringDomain.CATEGORICAL_YES


def _add_numbers(feature: schema_pb2.Feature, views: list[FeatureView]) -> None:
    stats = [view.proto.num_stats for view in views if view.common.num_non_missing > view.not_finite]
    if not stats:
        return
    low, high = min(stat.min for stat in stats), max(stat.max for stat in stats)
    room = high - low
    floor = low - room if low < 0 else max(low - room, 0.0)
    if feature.type == schema_pb2.INT:
        largest = 2**63 - 1
        feature.int_domain.min = max(int(floor), -largest)
        feature.int_domain.max = min(int(high + room), largest)
    else:
        largest_float = 3.4028234663852886e38
        feature.float_domain.min = max(floor, -largest_float)
        feature.float_domain.max = min(high + room, largest_float)
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = not any(v.not_finite for v in views)
