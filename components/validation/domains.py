"""Rules on single features: present, of the right type, with values from their domain."""

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from components.validation.defects import rows_read
from components.validation.inspection import ANEW, Check, Inspection, Reason, Rule, ValueTest, known, of, ratio
from schemas.features import TYPES, is_image, string_domain
from schemas.statistics import FeatureView, SplitView

_SHOWN = 5


def missing_feature(inspection: Inspection) -> Rule:
    """Features are there as often as the schema asks."""
    checks = []
    for split, feature, view in _features(inspection):
        if view is None:
            if feature.HasField("presence") and (feature.presence.min_fraction > 0 or feature.presence.min_count > 0):
                found = f"there is no column `{feature.name}`, which the schema has"
                checks.append(Check(split.name, 1.0, found, feature.name, Reason.SCHEMA_MISSING_COLUMN))
        elif split.examples:
            checks.append(_presence(inspection, split, feature, view))
    advice = (
        "Fill in these rows or remove them, or lower `min_fraction` of the feature's presence in the schema, or take"
        f" the feature out of it ({ANEW})"
    )
    return Rule("missing_feature", "examples that lack a required feature: {limit}", tuple(checks), advice)


def _presence(inspection: Inspection, split: SplitView, feature: schema_pb2.Feature, view: FeatureView) -> Check:
    present, missing = int(view.common.num_non_missing), int(view.common.num_missing)
    allowed = split.examples * (1 - feature.presence.min_fraction)
    beyond = max(missing - allowed, 0.0) if feature.presence.min_fraction > 0 else 0.0
    reason = Reason.FEATURE_TYPE_LOW_FRACTION_PRESENT
    if feature.presence.min_count > present:
        beyond, reason = max(beyond, feature.presence.min_count - present), Reason.FEATURE_TYPE_LOW_NUMBER_PRESENT
    return Check(
        split.name,
        ratio(beyond, split.examples) if beyond > 1e-6 else 0.0,
        of(missing, split.examples, f"examples lack `{feature.name}`"),
        feature.name,
        reason,
        lambda: inspection.rows.find(split.name, feature.name, ValueTest(missing=True))[1],
    )


def wrong_type(inspection: Inspection) -> Rule:
    """Features have the schema's type and number of values; ExampleGen could read them as such."""
    checks = [*_misread(inspection), *_retyped(inspection)]
    for split, feature, view in _features(inspection):
        if view is not None and view.common.num_non_missing:
            checks.extend(_valency(inspection, split, feature, view))
    advice = f"Correct the rows, or the feature's `type` or `value_count` in the schema ({ANEW})"
    return Rule("wrong_type", "values of another type or number than the schema's: {limit}", tuple(checks), advice)


def _retyped(inspection: Inspection) -> Iterator[Check]:
    """Features of another type than the schema's; where that comes from some of their values, only these are told."""
    found: dict[str, list[Check]] = {}
    for split, feature, view in _features(inspection):
        kind = TYPES.get(feature.type)
        if view is None or kind is None or kind == view.kind or not view.common.num_non_missing:
            continue
        count, rows = inspection.rows.find(split.name, view.name, ValueTest(unlike=kind))
        told = f"`{feature.name}` is of type {view.kind}, the schema says {kind}"
        if count:
            told += f": {of(count, int(view.common.tot_num_values), f'values are no {kind}')}"
        check = Check(
            split.name, 1.0, told, feature.name, Reason.UNEXPECTED_DATA_TYPE, known(rows), telling=bool(count)
        )
        found.setdefault(feature.name, []).append(check)
    for checks in found.values():
        yield from [check for check in checks if check.telling] or checks


def _misread(inspection: Inspection) -> Iterator[Check]:
    for defect in inspection.ingestion.defects:
        if defect.kind == "wrong_type":
            total = max(rows_read(inspection, defect.split), defect.count)
            found = of(defect.count, total, "rows hold a value of another type than its column's")
            yield Check(
                defect.split,
                ratio(defect.count, total),
                found,
                reason=Reason.UNEXPECTED_DATA_TYPE,
                rows=known(defect.rows),
            )


def _valency(
    inspection: Inspection, split: SplitView, feature: schema_pb2.Feature, view: FeatureView
) -> Iterator[Check]:
    count = feature.value_count
    if feature.WhichOneof("shape_type") != "value_count":
        return
    low, high = int(view.common.min_num_values), int(view.common.max_num_values)
    if count.HasField("max") and high > count.max:
        test, reason = ValueTest(more_than=count.max), Reason.FEATURE_TYPE_HIGH_NUMBER_VALUES
        yield _looked_up(inspection, split, view, test=test, reason=reason, what=f"more than {count.max} values")
    if count.HasField("min") and low < count.min:
        test, reason = ValueTest(fewer_than=count.min), Reason.FEATURE_TYPE_LOW_NUMBER_VALUES
        yield _looked_up(inspection, split, view, test=test, reason=reason, what=f"fewer than {count.min} values")


def out_of_domain(inspection: Inspection) -> Rule:
    """Values lie in the domain that the schema gives; the label's classes have a rule of their own."""
    checks: list[Check] = []
    for split, feature, view in _features(inspection):
        if view is None or TYPES.get(feature.type) != view.kind:
            continue
        domain = string_domain(inspection.schema, feature)
        if view.kind == "BYTES" and domain is not None and feature.name != inspection.label:
            checks.append(_strings(inspection, split, view, frozenset(domain)))
        elif is_image(feature):
            checks.extend(_images(inspection, split, feature, view))
        elif view.kind != "BYTES":
            checks.extend(_numbers(inspection, split, feature, view))
    advice = "Correct these rows, or widen the feature's domain in the schema"
    return Rule("out_of_domain", "values outside the domain of a feature: {limit}", tuple(checks), advice)


def _strings(inspection: Inspection, split: SplitView, view: FeatureView, domain: frozenset[str]) -> Check:
    test, reason = ValueTest(outside=domain), Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES
    if not view.all_values_known:
        return _looked_up(inspection, split, view, test=test, reason=reason, what="other values than the domain's")
    strangers = {value: count for value, count in view.values.items() if value not in domain}
    count, total = sum(strangers.values()), int(view.common.tot_num_values)
    named = ", ".join(f"`{value}` ({times:,})" for value, times in list(strangers.items())[:_SHOWN])
    return Check(
        split.name,
        ratio(count, total),
        f"{of(count, total, f'values of `{view.name}`')}: {named}",
        view.name,
        reason,
        lambda: inspection.rows.find(split.name, view.name, test)[1],
    )


def _images(
    inspection: Inspection, split: SplitView, feature: schema_pb2.Feature, view: FeatureView
) -> Iterator[Check]:
    limit, largest = feature.image_domain.max_image_byte_size, view.proto.bytes_stats.max_num_bytes_int
    if limit and largest > limit:
        test, what = ValueTest(larger_than=limit), f"pictures of more than {limit:,} bytes, up to {largest:,}"
        yield _looked_up(inspection, split, view, test=test, reason=Reason.MAX_IMAGE_BYTE_SIZE_EXCEEDED, what=what)


def _numbers(
    inspection: Inspection, split: SplitView, feature: schema_pb2.Feature, view: FeatureView
) -> Iterator[Check]:
    stats, kind = view.proto.num_stats, view.kind
    domain = feature.int_domain if kind == "INT" else feature.float_domain
    reasons = (
        (Reason.INT_TYPE_SMALL_INT, Reason.INT_TYPE_BIG_INT)
        if kind == "INT"
        else (Reason.FLOAT_TYPE_SMALL_FLOAT, Reason.FLOAT_TYPE_BIG_FLOAT)
    )
    if view.common.tot_num_values > view.not_finite:
        if domain.HasField("min") and stats.min < domain.min:
            test, words = ValueTest(low=domain.min), f"values below {domain.min:g}, down to {stats.min:g}"
            yield _looked_up(inspection, split, view, test=test, reason=reasons[0], what=words)
        if domain.HasField("max") and stats.max > domain.max:
            test, words = ValueTest(high=domain.max), f"values above {domain.max:g}, up to {stats.max:g}"
            yield _looked_up(inspection, split, view, test=test, reason=reasons[1], what=words)
    forbidden = kind == "FLOAT" and (domain.disallow_nan or domain.disallow_inf)
    if forbidden and view.not_finite:
        test = ValueTest(not_finite=True)
        yield _looked_up(
            inspection, split, view, test=test, reason=Reason.FLOAT_TYPE_HAS_NAN, what="NaN or infinite values"
        )


def _looked_up(
    inspection: Inspection, split: SplitView, view: FeatureView, *, test: ValueTest, reason: int, what: str
) -> Check:
    """A check whose statistics say that it fails, but not how often: the examples do."""
    count, rows = inspection.rows.find(split.name, view.name, test)
    total = int(view.common.tot_num_values)
    found = f"`{view.name}` has {what}: {of(count, total, 'values')}"
    return Check(split.name, ratio(count, total), found, view.name, reason, lambda: rows)


def _features(inspection: Inspection) -> Iterator[tuple[SplitView, schema_pb2.Feature, FeatureView | None]]:
    for split in inspection.splits.values():
        for feature in inspection.schema.feature:
            yield split, feature, split.features.get(feature.name)
