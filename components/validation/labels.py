"""Rules on the labels of a classification: classes, strangers, and how their shares differ between splits."""

from dataclasses import replace

from components.validation.inspection import ANEW, TRAIN, Check, Inspection, Reason, Rule, ValueTest, of, ratio
from schemas.statistics import SplitView

_CHANCE = 2.58
"""Standard errors within which shares differ by chance, in 99 of 100 samples."""

_SHOWN = 5
_ONLY_CLASSES = "skipped: only a classification has classes"


def single_class(inspection: Inspection) -> Rule:
    """There is something to tell apart."""
    expected = "at least two different labels in `train`"
    if not inspection.classification:
        return Rule("single_class", expected, skipped=_ONLY_CLASSES)
    values = _labels(inspection, TRAIN)
    named = ", ".join(f"`{value}`" for value in list(values)[:_SHOWN]) or "none"
    noun = "label" if len(values) == 1 else "labels"
    check = Check(TRAIN, float(len(values) < 2), f"{len(values):,} {noun}: {named}", inspection.label, telling=True)
    return Rule("single_class", expected, (check,), "A model needs examples of at least two classes")


def missing_class(inspection: Inspection) -> Rule:
    """Every class of the schema can be learned."""
    expected = "every class of the schema has examples in `train`"
    if not inspection.classification:
        return Rule("missing_class", expected, skipped=_ONLY_CLASSES)
    classes, values = inspection.classes, _labels(inspection, TRAIN)
    missing = [name for name in classes if name not in values]
    named = ", ".join(f"`{name}`" for name in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    found = f"{of(len(missing), len(classes), 'classes')} without an example: {named}{more}"
    check = Check(TRAIN, float(bool(missing)), found, inspection.label)
    advice = "No model learns what it never sees: add examples, or take the class out of the schema"
    return Rule("missing_class", expected, (check,), advice)


def unknown_label(inspection: Inspection) -> Rule:
    """No label outside the schema's domain."""
    expected = f"labels outside the schema's {len(inspection.classes):,} classes: {{limit}}"
    if not inspection.classification:
        return Rule("unknown_label", expected, skipped=_ONLY_CLASSES)
    advice = (
        f"Correct these rows, or add the labels to the domain of the label in the schema ({ANEW}), or give"
        " `validation.new_labels: ignore` or `grow`"
    )
    checks = tuple(_strangers(inspection, split) for split in inspection.splits.values())
    return Rule("unknown_label", expected, checks, advice)


def as_ignored(rule: Rule) -> Rule:
    """`unknown_label` where new labels are to be ignored."""
    return replace(rule, advice="Left out of training; in the evaluation they count as wrong (`new_labels: ignore`)")


def _strangers(inspection: Inspection, split: SplitView) -> Check:
    classes = frozenset(inspection.classes)
    values = _labels(inspection, split.name)
    strangers = {value: count for value, count in values.items() if value not in classes}
    count, total = sum(strangers.values()), sum(values.values())
    named = ", ".join(f"`{value}` ({times:,})" for value, times in list(strangers.items())[:_SHOWN])
    more = f" and {len(strangers) - _SHOWN:,} more" if len(strangers) > _SHOWN else ""
    return Check(
        split.name,
        ratio(count, total),
        f"{of(count, total, 'labels')}: {named}{more}",
        inspection.label,
        Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES,
        lambda: inspection.rows.find(split.name, inspection.label, ValueTest(outside=classes))[1],
    )


def label_shift(inspection: Inspection) -> Rule:
    """Every split holds the classes in much the same shares as the training split.

    The distance is the largest difference of any class's share (L-infinity), as in TensorFlow Data Validation. In a
    small split shares differ by chance: a difference within 2.58 standard errors is no failure.
    """
    expected = "difference of a label's share to that in `train`: {limit}"
    others = [split for split in inspection.splits.values() if split.name != TRAIN]
    if not inspection.classification:
        return Rule("label_shift", expected, skipped=_ONLY_CLASSES)
    if not others:
        return Rule("label_shift", expected, skipped="skipped: there is no split but `train`")
    advice = "Draw the splits from the same data, by `holdout`, or say that it is meant so by a higher limit"
    return Rule("label_shift", expected, tuple(_shift(inspection, split) for split in others), advice)


def _shift(inspection: Inspection, split: SplitView) -> Check:
    here, train = _labels(inspection, split.name), _labels(inspection, TRAIN)
    count, train_count = sum(here.values()), sum(train.values())
    if not count or not train_count:
        return Check(split.name, 0.0, "no labels", inspection.label)
    shares = {value: (here.get(value, 0) / count, train.get(value, 0) / train_count) for value in {**train, **here}}
    worst = max(shares, key=lambda value: (abs(shares[value][0] - shares[value][1]), value))
    share, expected = shares[worst]
    pooled = (here.get(worst, 0) + train.get(worst, 0)) / (count + train_count)
    chance = _CHANCE * (pooled * (1 - pooled) * (1 / count + 1 / train_count)) ** 0.5
    distance = abs(share - expected)
    found = f"`{worst}` has {share * 100:.3g} % here, {expected * 100:.3g} % in `train`"
    return Check(
        split.name,
        distance if distance > chance else 0.0,
        found,
        inspection.label,
        Reason.COMPARATOR_L_INFTY_HIGH,
        telling=True,
    )


def _labels(inspection: Inspection, split: str) -> dict[str, int]:
    view = inspection.splits[split].features.get(inspection.label)
    return view.values if view else {}
