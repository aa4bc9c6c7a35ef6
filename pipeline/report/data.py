"""What a page shows of the data: splits, labels, features, and what was found amiss in texts and pictures."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

from pipeline.lineage.records import StoredExecution
from schemas.artifacts import ExampleStatistics
from schemas.statistics import FeatureView, Finding, SplitView, load_statistics

_SHOWN: Final = 30
"""Labels that are shown, most frequent first."""


@dataclass(frozen=True)
class LabelLine:
    """A label with the share that it has in each split; None where a split does not list it."""

    label: str
    shares: Sequence[float | None]


@dataclass(frozen=True)
class FeatureLine:
    """A column in one split."""

    split: str
    name: str
    kind: str
    missing: int
    summary: str


@dataclass(frozen=True)
class FindingLine:
    """Rows with some quality in one split, with a few of them."""

    split: str
    name: str
    what: str
    finding: Finding


@dataclass(frozen=True)
class Measured:
    """The statistics of a run, ready to be shown."""

    node: str
    splits: Sequence[SplitView]
    label: str
    labels: Sequence[LabelLine]
    more_labels: int
    features: Sequence[FeatureLine]
    findings: Sequence[FindingLine]


def measured(execution: StoredExecution) -> Measured | None:
    """The statistics that an execution published, where it did and they are still there."""
    for artifact in execution.outputs.values():
        if artifact.type_name == ExampleStatistics.type_name() and artifact.uri.is_dir():
            statistics = ExampleStatistics(artifact.uri)
            names = sorted(statistics.splits(), key=lambda name: (name != "train", name))
            return _measured(execution, [load_statistics(statistics.split_path(name)) for name in names])
    return None


def _measured(execution: StoredExecution, splits: Sequence[SplitView]) -> Measured:
    label = str(json.loads(execution.parameters.get("label", '""')) or "")
    counts = [split.features[label].values if label in split.features else {} for split in splits]
    labels = list(dict.fromkeys(name for values in counts for name in values))
    totals = [max(split.examples, 1) for split in splits]
    shares = [
        LabelLine(
            name,
            [values[name] / total if name in values else None for values, total in zip(counts, totals, strict=True)],
        )
        for name in labels[:_SHOWN]
    ]
    return Measured(
        node=execution.node,
        splits=splits,
        label=label,
        labels=shares,
        more_labels=max(len(labels) - _SHOWN, 0),
        features=[_feature(split, feature) for split in splits for feature in split.features.values()],
        findings=[line for split in splits for line in _findings(split)],
    )


def _feature(split: SplitView, feature: FeatureView) -> FeatureLine:
    kind = "picture" if feature.is_image else "text" if feature.is_text else feature.kind.lower()
    return FeatureLine(split.name, feature.name, kind, int(feature.common.num_missing), _summary(feature))


def _summary(feature: FeatureView) -> str:
    """A column in a few words."""
    if feature.is_image:
        width, height = feature.image_measure("width"), feature.image_measure("height")
        sizes = f", half up to {width[1]:,.0f} x {height[1]:,.0f}" if width and height else ""
        return ", ".join(f"{count:,} {name}" for name, count in feature.image_formats.items()) + sizes
    if feature.is_text:
        lengths = feature.percentiles("token_length")
        words = f"half up to {lengths[50]:,.0f} words, the longest {lengths[100]:,.0f}" if lengths else ""
        scripts = ", ".join(list(feature.scripts)[:3])
        return "; ".join(part for part in (words, scripts) if part)
    if feature.kind == "BYTES":
        return f"{feature.distinct:,} different values"
    numbers = feature.proto.num_stats
    return f"{numbers.min:.6g} to {numbers.max:.6g}, mean {numbers.mean:.6g}"


def _findings(split: SplitView) -> Iterator[FindingLine]:
    for feature in split.features.values():
        if not (feature.is_text or feature.is_image):
            continue
        quality = feature.quality
        for attribute in fields(quality):
            finding = getattr(quality, attribute.name)
            if isinstance(finding, Finding) and finding.count:
                yield FindingLine(split.name, feature.name, _told(attribute.name), finding)


def _told(name: str) -> str:
    return _WORDS.get(name, f"are `{name}`")


_WORDS: Final = {
    "duplicates": "stand in an earlier row, too",
    "near_duplicates": "resemble another",
    "conflicting_labels": "stand under more than one label",
    "leaked": "stand in the training split, too",
    "nearly_leaked": "resemble one of the training split",
    "empty": "hold no word",
    "near_empty": "hold one or two words",
    "blank": "are of one color",
}
