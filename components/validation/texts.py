"""Rules on texts: empty ones, repeated ones, labels that contradict each other, leakage into other splits."""

from components.validation.inspection import TRAIN, Check, Inspection, Rule, known, of, ratio
from schemas.statistics import Finding, TextQuality

_NO_TEXT = "skipped: no column holds text"


def empty_text(inspection: Inspection) -> Rule:
    """Texts say something."""
    expected = "texts of at most two words: {limit}"
    checks = []
    for split, feature in inspection.texts():
        quality = _quality(inspection, split, feature)
        count = quality.empty.count + quality.near_empty.count
        rows = (*_with(quality.empty, "empty"), *_with(quality.near_empty, "at most two words"))
        found = f"{of(count, quality.texts, 'texts')}, {quality.empty.count:,} of them without any word"
        checks.append(Check(split, ratio(count, quality.texts), found, feature, rows=known(rows)))
    return Rule("empty_text", expected, tuple(checks), "Remove these rows", "" if checks else _NO_TEXT)


def _with(finding: Finding, what: str) -> tuple[str, ...]:
    return tuple(f"{row}: {what}" for row in finding.rows)


def duplicates(inspection: Inspection) -> Rule:
    """The training split does not repeat itself."""
    return _on_train(
        inspection,
        "duplicates",
        "training texts that repeat another: {limit}",
        "Keep one of each: copies weigh more in training than their author meant",
    )


def near_duplicates(inspection: Inspection) -> Rule:
    """Nor does it in other words: texts that share most of their three-word sequences."""
    return _on_train(
        inspection,
        "near_duplicates",
        "training texts that nearly repeat another: {limit}",
        "Look for templates, quotations and new versions of one text",
    )


def conflicting_labels(inspection: Inspection) -> Rule:
    """A text has one label."""
    expected = "texts that stand under more than one label: {limit}"
    if not inspection.classification:
        return Rule("conflicting_labels", expected, skipped="skipped: only a classification has classes")
    checks = tuple(
        _check(inspection, split, feature, "conflicting_labels", "texts") for split, feature in inspection.texts()
    )
    return Rule("conflicting_labels", expected, checks, "Decide on one label for each", "" if checks else _NO_TEXT)


def leakage(inspection: Inspection) -> Rule:
    """What is judged on was not seen in training."""
    expected = "texts of a split that stand in `train` too: {limit}"
    checks = tuple(
        _check(inspection, split, feature, "leaked", "texts stand in `train` too")
        for split, feature in inspection.texts()
        if split != TRAIN
    )
    skipped = "" if checks else "skipped: there is no split but `train`"
    advice = "Remove these rows from one of the two, or cut the split by `holdout`: metrics on it are too good"
    return Rule("leakage", expected, checks, advice, skipped if any(inspection.texts()) else _NO_TEXT)


def _on_train(inspection: Inspection, name: str, expected: str, advice: str) -> Rule:
    checks = tuple(
        _check(inspection, split, feature, name, "texts") for split, feature in inspection.texts() if split == TRAIN
    )
    return Rule(name, expected, checks, advice, "" if checks else _NO_TEXT)


def _check(inspection: Inspection, split: str, feature: str, name: str, things: str) -> Check:
    quality = _quality(inspection, split, feature)
    finding: Finding = getattr(quality, name)
    found = of(finding.count, quality.texts, things)
    return Check(split, ratio(finding.count, quality.texts), found, feature, rows=known(finding.rows))


def _quality(inspection: Inspection, split: str, feature: str) -> TextQuality:
    return inspection.splits[split].features[feature].quality
