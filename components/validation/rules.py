"""All rules of ExampleValidator, in the order of the pipeline file's documentation."""

from collections.abc import Iterator

from components.validation.defects import defects
from components.validation.domains import missing_feature, out_of_domain, wrong_type
from components.validation.inspection import Inspection, Judgement, Rule
from components.validation.labels import label_shift, missing_class, single_class, unknown_label
from components.validation.texts import conflicting_labels, duplicates, empty_text, leakage, near_duplicates
from schemas.config import ValidationConfig

_RULES = (
    single_class,
    missing_class,
    unknown_label,
    missing_feature,
    wrong_type,
    out_of_domain,
    empty_text,
    duplicates,
    near_duplicates,
    conflicting_labels,
    leakage,
    label_shift,
)


def judge(inspection: Inspection, rules: ValidationConfig) -> Judgement:
    """Holds the data against every rule that is on; rules that are off are not even computed."""
    judgement = Judgement()
    for rule in _apply(inspection, rules):
        judgement.add(rule, getattr(rules, rule.name))
    return judgement


def _apply(inspection: Inspection, rules: ValidationConfig) -> Iterator[Rule]:
    yield from defects(inspection)
    for rule in _RULES:
        if getattr(rules, rule.__name__).severity != "off":
            yield rule(inspection)
