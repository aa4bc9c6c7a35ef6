"""What refuses a run, in short."""

from schemas.verdict import RuleVerdict, Verdict


def rule(name: str, found: str, **other: object) -> RuleVerdict:
    return RuleVerdict.model_validate({"rule": name, "expected": "none", "found": found, "verdict": "failed", **other})


def test_a_refusal_names_each_rule_once_with_its_first_numbers() -> None:
    verdict = Verdict(
        rules=(
            rule("drift_linf", "train: 0.2", severity="warning"),
            rule("unknown_label", "train: 12 of 153 labels (7.84 %): `biling` (12). Correct these rows"),
            rule("ragged_row", "none", verdict="passed"),
            rule("unknown_label", "test: 9 of 46 labels (19.6 %): `biling` (9). Correct these rows"),
            rule("accuracy >= 0.5", "0.45 [0.3883, 0.5132]"),
        )
    )
    assert verdict.refused
    assert [broken.rule for broken in verdict.broken] == ["unknown_label", "unknown_label", "accuracy >= 0.5"]
    assert verdict.refusal == (
        "unknown_label, found train: 12 of 153 labels (7.84 %): `biling` (12);"
        " accuracy >= 0.5, found 0.45 [0.3883, 0.5132]"
    )


def test_warnings_refuse_nothing() -> None:
    verdict = Verdict(rules=(rule("drift_linf", "train: 0.2", severity="warning"), rule("f1", "", verdict="skipped")))
    assert (verdict.refused, verdict.broken, verdict.refusal) == (False, (), "")
