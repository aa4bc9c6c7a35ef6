"""All rules of ExampleValidator, in the order of the pipeline file's documentation."""

from collections.abc import Iterator
from typing import Final, get_args

from components.validation.copies import conflicting_labels, duplicates, leakage, near_duplicates, near_leakage
from components.validation.defects import defects
from components.validation.domains import missing_feature, out_of_domain, wrong_type
from components.validation.drift import drift_js, drift_linf, drift_psi
from components.validation.images import blank_image
from components.validation.inspection import Inspection, Judgement, Rule
from components.validation.labels import as_ignored, label_shift, missing_class, single_class, unknown_label
from components.validation.spans import empty_span
from components.validation.texts import empty_text
from schemas.config import ValidationConfig
from schemas.ingestion import PictureDefect

_RULES = (
    empty_span,
    single_class,
    missing_class,
    unknown_label,
    missing_feature,
    wrong_type,
    out_of_domain,
    empty_text,
    blank_image,
    duplicates,
    near_duplicates,
    conflicting_labels,
    leakage,
    near_leakage,
    label_shift,
    drift_linf,
    drift_js,
    drift_psi,
)

_OF_IMAGES: Final = frozenset({*get_args(PictureDefect), "blank_image", "near_leakage"})
"""Rules that are left out where there are no pictures, rather than skipped: a table of rules is read to its end."""


def judge(inspection: Inspection, rules: ValidationConfig) -> Judgement:
    """Holds the data against every rule that is on; rules that are off are not even computed."""
    judgement = Judgement()
    for rule in _apply(inspection, rules):
        ignored = rule.name == unknown_label.__name__ and rules.new_labels == "ignore"
        judgement.add(as_ignored(rule) if ignored else rule, rules.of(rule.name))
    return judgement


def _apply(inspection: Inspection, rules: ValidationConfig) -> Iterator[Rule]:
    for rule in defects(inspection):
        if rule.checks or _concerns(rule.name, inspection):
            yield rule
    for make in _RULES:
        if rules.of(make.__name__).severity != "off" and _concerns(make.__name__, inspection):
            yield make(inspection)


def _concerns(rule: str, inspection: Inspection) -> bool:
    """Whether a rule is about what this data holds; data with neither texts nor pictures counts as text."""
    if rule in _OF_IMAGES:
        return inspection.has_images
    if rule == empty_span.__name__:
        return bool(inspection.ingestion.spans)
    return rule != "empty_text" or inspection.has_texts or not inspection.has_images
