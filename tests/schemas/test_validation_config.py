"""Rules of ExampleValidator in the pipeline file: what is not given keeps the rule's own default."""

import pytest
from pydantic import ValidationError

from schemas.config import RuleConfig, ValidationConfig


def test_a_severity_alone_keeps_the_limit() -> None:
    rules = ValidationConfig.model_validate({"leakage": {"severity": "warning"}})
    assert rules.leakage == RuleConfig(severity="warning", at_most=0.05)
    assert rules.label_shift == RuleConfig(severity="error", at_most=0.2)


def test_a_limit_alone_keeps_the_severity() -> None:
    rules = ValidationConfig.model_validate({"duplicates": {"at_most": 0}})
    assert rules.duplicates == RuleConfig(severity="warning", at_most=0.0)


def test_off_is_off_even_where_yaml_says_false() -> None:
    assert ValidationConfig.model_validate({"leakage": {"severity": False}}).leakage.severity == "off"
    assert ValidationConfig(leakage=RuleConfig(severity="off")).leakage == RuleConfig(severity="off", at_most=0.05)


def test_a_rule_survives_json() -> None:
    rules = ValidationConfig.model_validate({"empty_text": {"severity": "error"}})
    assert ValidationConfig.model_validate_json(rules.model_dump_json()) == rules


def test_a_limit_for_what_has_none_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="`single_class` holds or does not: it has no `at_most`"):
        ValidationConfig.model_validate({"single_class": {"at_most": 0.5}})


def test_to_ignore_new_labels_is_to_be_warned_of_them() -> None:
    ignored = ValidationConfig.model_validate({"new_labels": "ignore"})
    assert ignored.of("unknown_label") == RuleConfig(severity="warning", at_most=0.0)
    assert ignored.of("leakage") == ignored.leakage
    assert ValidationConfig.model_validate({"new_labels": "grow"}).of("unknown_label").severity == "error"
    off = ValidationConfig.model_validate({"new_labels": "ignore", "unknown_label": {"severity": "off"}})
    assert off.of("unknown_label").severity == "off"
