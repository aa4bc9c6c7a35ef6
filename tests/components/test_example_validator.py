"""ExampleValidator: every rule, passing and failing, with rows that can be found in the file."""

import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from schemas.ingestion import Defect, PictureDefect
from schemas.verdict import RuleVerdict, Verdict

Info = anomalies_pb2.AnomalyInfo
NUMBERS = {"text": "BYTES", "label": "BYTES", "n": "INT", "x": "FLOAT", "kind": "BYTES"}
WORDS = [f"{start}{end}" for start in "bcdfghklmn" for end in ("ab", "eck", "in", "ost", "ull", "am", "ert", "ik")]


def news(count: int, seed: int, labels: str = "ab", **more: Any) -> list[dict[str, Any]]:
    """Rows with texts of their own: random words, seed given."""
    random_ = random.Random(seed)
    texts = [" ".join(random_.choices(WORDS, k=30)) for _ in range(count)]
    return [{"text": text, "label": labels[place % len(labels)], **more} for place, text in enumerate(texts)]


def failing(verdicts: Mapping[str, list[RuleVerdict]]) -> list[str]:
    return sorted({rule for rule, found in verdicts.items() for verdict in found if verdict.verdict == "failed"})


def only(verdicts: Mapping[str, list[RuleVerdict]], rule: str) -> RuleVerdict:
    (verdict,) = (verdict for verdict in verdicts[rule] if verdict.verdict == "failed")
    return verdict


def test_clean_data_passes_every_rule(steps: Any) -> None:
    verdicts = steps.judged(steps.examples({"train": news(60, 1), "eval": news(20, 2), "test": news(30, 3)}))
    assert failing(verdicts) == []
    drift = ("drift_linf", "drift_js", "drift_psi")
    assert {rule: [v.verdict for v in found] for rule, found in verdicts.items()} == {
        rule: ["skipped" if rule in drift else "passed"] for rule in verdicts
    }
    assert list(verdicts) == [
        "invalid_utf8", "nul_byte", "ragged_row", "malformed_row", "missing_label", "single_class", "missing_class",
        "unknown_label", "missing_feature", "wrong_type", "out_of_domain", "empty_text", "duplicates",
        "near_duplicates", "conflicting_labels", "leakage", "label_shift", *drift,
    ]  # fmt: skip
    assert verdicts["drift_psi"][0].expected.endswith("at most 0.25; skipped: no data has passed before")
    (single,) = verdicts["single_class"]
    assert single.found == "train: 2 labels: `a`, `b`"


@pytest.mark.parametrize(
    "kind",
    ["ragged_row", "malformed_row", "missing_label", "nul_byte", *get_args(PictureDefect)],
)
def test_defects_above_their_limit(steps: Any, kind: Any) -> None:
    defect = Defect(kind=kind, split="train", count=3, rows=("a.csv:7", "a.csv:9", "a.csv:12"), dropped=True)
    found = only(steps.judged(steps.examples({"train": news(57, 1)}, defects=[defect])), kind)
    assert found.found.startswith("train: 3 of 60 rows (5 %)")
    assert found.rows == ("a.csv:7", "a.csv:9", "a.csv:12")
    assert found.severity == ("warning" if kind == "nul_byte" else "error")


def test_a_class_without_pictures_is_told_and_the_rule_is_silent_otherwise(steps: Any) -> None:
    defect = Defect(kind="empty_class", split="train", count=2, rows=("train/cats/", "train/emus/"), dropped=True)
    found = only(steps.judged(steps.examples({"train": news(57, 1)}, defects=[defect])), "empty_class")
    assert (found.found, found.severity) == (
        "train: 2 folders, no example. Put pictures into them, or remove them",
        "warning",
    )
    assert found.rows == ("train/cats/", "train/emus/")
    assert "empty_class" not in steps.judged(steps.examples({"train": news(57, 1)}))


def test_a_limit_lets_defects_pass(steps: Any) -> None:
    defect = Defect(kind="invalid_utf8", split="train", count=1, rows=("a.csv:7",))
    examples = steps.examples({"train": news(200, 1)}, defects=[defect])
    verdicts = steps.judged(examples)
    assert verdicts["invalid_utf8"][0].verdict == "passed"
    assert verdicts["invalid_utf8"][0].found.startswith("train: 1 of 200 rows (0.5 %)")
    strict = steps.judged(examples, {"invalid_utf8": {"at_most": 0.001}})
    assert only(strict, "invalid_utf8").expected == "rows with bytes that are not UTF-8: at most 0.1 %"
    assert only(strict, "invalid_utf8").severity == "error"


def test_one_class_only(steps: Any) -> None:
    found = only(steps.judged(steps.examples({"train": news(20, 1, "a")})), "single_class")
    assert found.found.startswith("train: 1 label: `a`. A model needs examples of at least two classes")


def test_a_class_without_training_examples_is_told(steps: Any) -> None:
    domain = "".join(f'value: "{name}" ' for name in "abcdefgh")
    schema = f'feature {{ name: "label" type: BYTES string_domain {{ {domain} }} }}'
    examples = steps.examples({"train": news(60, 1), "test": news(40, 2, "abc")})
    verdicts = steps.judged(examples, {"label_shift": {"severity": "off"}}, schema=schema)
    found = only(verdicts, "missing_class")
    assert found.found.startswith(
        "train: 6 of 8 classes (75 %) without an example: `c`, `d`, `e`, `f`, `g` and 1 more. No model learns"
    )
    assert found.severity == "warning"
    assert failing(verdicts) == ["missing_class"]


def test_unknown_labels_are_named_with_their_rows(steps: Any) -> None:
    test = news(40, 2)
    test[4]["label"] = test[30]["label"] = "c"
    test[9]["label"] = "日本"
    found = only(steps.judged(steps.examples({"train": news(60, 1), "test": test})), "unknown_label")
    assert found.found.startswith("test: 3 of 40 labels (7.5 %): `c` (2), `日本` (1). Correct these rows, or add")
    assert found.rows == ("test.csv:6: c", "test.csv:11: 日本", "test.csv:32: c")
    assert found.expected == "labels outside the schema's 2 classes: none"


def test_new_labels_may_be_ignored(steps: Any) -> None:
    train, test = news(60, 1), news(40, 2)
    train[7]["label"] = test[4]["label"] = "c"
    schema = 'feature { name: "label" type: BYTES string_domain { value: "a" value: "b" } }'
    rules = {"new_labels": "ignore"}
    verdicts = steps.judged(steps.examples({"train": train, "test": test}), rules, schema)
    first, second = verdicts["unknown_label"]
    assert first.found == (
        "train: 1 of 60 labels (1.67 %): `c` (1). Left out of training; in the evaluation they count as wrong"
        " (`new_labels: ignore`)"
    )
    assert (first.severity, first.rows) == ("warning", ("train.csv:9: c",))
    assert second.found.startswith("test: 1 of 40 labels (2.5 %)")
    assert failing(verdicts) == ["unknown_label"]


def test_missing_features(steps: Any) -> None:
    test = news(20, 2)
    del test[3]["text"]
    verdicts = steps.judged(steps.examples({"train": news(60, 1), "test": test}))
    found = only(verdicts, "missing_feature")
    assert found.found.startswith("test: 1 of 20 examples lack `text` (5 %)")
    assert found.rows == ("test.csv:5",)


SCHEMA = """
feature {{ name: "label" type: BYTES string_domain {{ value: "a" value: "b" }} }}
feature {{ name: "text" type: BYTES presence {{ min_fraction: 1 }} }}
{more}
"""


def test_a_column_that_the_schema_asks_for(steps: Any) -> None:
    schema = SCHEMA.format(more='feature { name: "author" type: BYTES presence { min_fraction: 1 } }')
    found = only(steps.judged(steps.examples({"train": news(60, 1)}), schema=schema), "missing_feature")
    assert found.found.startswith("train: there is no column `author`")


def test_a_feature_that_may_be_missing_sometimes(steps: Any) -> None:
    rows = news(60, 1)
    for row in rows[:12]:
        del row["text"]
    schema = SCHEMA.format(more="").replace("min_fraction: 1", "min_fraction: 0.8")
    assert failing(steps.judged(steps.examples({"train": rows}), schema=schema)) == []
    del rows[12]["text"]
    assert failing(steps.judged(steps.examples({"train": rows}), schema=schema)) == ["missing_feature"]


def test_wrong_types_and_numbers_of_values(steps: Any) -> None:
    schema = SCHEMA.format(
        more='feature { name: "n" type: FLOAT } feature { name: "x" type: FLOAT value_count { max: 1 } }'
    )
    rows = news(60, 1, n=1, x=1.0)
    rows[7]["x"] = [1.0, 2.0]
    defect = Defect(kind="wrong_type", split="train", count=1, rows=("a.csv:3",))
    verdicts = steps.judged(steps.examples({"train": rows}, NUMBERS, [defect]), schema=schema)
    read, kind, number = (verdict for verdict in verdicts["wrong_type"])
    assert read.rows == ("a.csv:3",)
    assert kind.found.startswith("train: `n` is of type INT, the schema says FLOAT")
    assert number.found.startswith("train: `x` has more than 1 values: 1 of 61 values")
    assert number.rows == ("train.csv:9",)


@pytest.mark.parametrize(
    ("kind", "was", "values", "rows"),
    [
        ("BYTES", "INT", {3: "n/a"}, ("train.csv:5: n/a",)),
        ("BYTES", "FLOAT", {3: "1,5", 8: ""}, ("train.csv:5: 1,5", "train.csv:10: ")),
        ("FLOAT", "INT", {11: 2.5}, ("train.csv:13: 2.5",)),
    ],
)
def test_a_column_of_another_type_than_before_is_told_by_its_rows(
    steps: Any, kind: Any, was: str, values: Mapping[int, Any], rows: tuple[str, ...]
) -> None:
    schema = SCHEMA.format(more=f'feature {{ name: "n" type: {was} }}')
    train, test = news(60, 1, n="7" if kind == "BYTES" else 7.0), news(20, 2, n="7" if kind == "BYTES" else 7.0)
    for place, value in values.items():
        train[place]["n"] = value
    columns = {"text": "BYTES", "label": "BYTES", "n": kind}
    found = only(steps.judged(steps.examples({"train": train, "test": test}, columns), schema=schema), "wrong_type")
    share = f"{len(values)} of 60 values are no {was}"
    assert found.found.startswith(f"train: `n` is of type {kind}, the schema says {was}: {share}")
    assert found.found.endswith("(a frozen schema stands beside the pipeline file; deleted, it is inferred anew)")
    assert found.rows == rows


def test_values_outside_their_domain(steps: Any) -> None:
    train = news(60, 1, n=5, x=0.5, kind="mail")
    test = news(40, 2, n=5, x=0.5, kind="mail")
    test[0]["n"], test[1]["n"] = 11, -1
    test[2]["x"], test[3]["kind"] = float("nan"), "fax"
    schema = SCHEMA.format(
        more='feature { name: "n" type: INT int_domain { min: 0 max: 10 } }'
        'feature { name: "x" type: FLOAT float_domain { min: 0 max: 1 disallow_nan: true } }'
        'feature { name: "kind" type: BYTES string_domain { value: "mail" value: "news" } }'
    )
    verdicts = steps.judged(steps.examples({"train": train, "test": test}, NUMBERS), schema=schema)
    rows = [verdict.rows for verdict in verdicts["out_of_domain"]]
    assert rows == [("test.csv:3: -1",), ("test.csv:2: 11",), ("test.csv:4: nan",), ("test.csv:5: fax",)]
    assert failing(verdicts) == ["out_of_domain"]
    lenient = steps.judged(
        steps.examples({"train": train, "test": test}, NUMBERS), {"out_of_domain": {"at_most": 0.03}}, schema
    )
    assert failing(lenient) == []


def test_empty_texts(steps: Any) -> None:
    train = news(60, 1)
    train[5]["text"], train[6]["text"] = "", "so what"
    found = only(steps.judged(steps.examples({"train": train})), "empty_text")
    assert found.found.startswith("train: 2 of 60 texts (3.33 %), 1 of them without any word")
    assert found.rows == ("train.csv:7: empty", "train.csv:8: at most two words")
    assert found.severity == "warning"


def test_duplicates_and_conflicts_and_leakage(steps: Any) -> None:
    train, test = news(60, 1), news(20, 2)
    copies = [{**row, "label": "b"} for row in train[:10:2]] + train[20:24]
    test[:2] = train[30:32]
    verdicts = steps.judged(steps.examples({"train": train + copies, "test": test}))
    assert failing(verdicts) == ["conflicting_labels", "duplicates", "leakage"]
    assert only(verdicts, "duplicates").found.startswith("train: 9 of 69 texts (13 %)")
    assert len(only(verdicts, "duplicates").rows) == 5
    conflict = only(verdicts, "conflicting_labels")
    assert conflict.found.startswith("train: 10 of 69 texts (14.5 %)")
    assert "train.csv:62: `b`, but `a` at train.csv:2" in conflict.rows
    leaked = only(verdicts, "leakage")
    assert leaked.severity == "error"
    assert leaked.found.startswith("test: 2 of 20 texts stand in `train` too (10 %)")
    assert sorted(leaked.rows) == ["test.csv:2: same text as train.csv:32", "test.csv:3: same text as train.csv:33"]


def test_near_duplicates(steps: Any) -> None:
    train = news(40, 1)
    train += [{**row, "text": row["text"].title() + "!"} for row in train[:20]]
    found = only(steps.judged(steps.examples({"train": train})), "near_duplicates")
    assert found.found.startswith("train: 20 of 60 texts (33.3 %)")
    assert all("nearly the same text as train.csv:" in row for row in found.rows)


def test_label_shift(steps: Any) -> None:
    examples = steps.examples({"train": news(60, 1, "aab"), "test": news(40, 2, "abb")})
    found = only(steps.judged(examples), "label_shift")
    assert found.found.startswith("test: `b` has 65 % here, 33.3 % in `train`")
    assert failing(steps.judged(examples, {"label_shift": {"at_most": 0.4}})) == []


def test_chance_is_no_shift(steps: Any) -> None:
    verdicts = steps.judged(steps.examples({"train": news(60, 1), "eval": news(4, 2, "aaab")}))
    assert verdicts["label_shift"][0].verdict == "passed"
    assert verdicts["label_shift"][0].found == "eval: `b` has 25 % here, 50 % in `train`"


def test_rules_that_cannot_apply_say_so(steps: Any) -> None:
    rows = [{"text": row["text"], "label": float(place)} for place, row in enumerate(news(40, 1))]
    verdicts = steps.judged(steps.examples({"train": rows}, {"text": "BYTES", "label": "FLOAT"}))
    skipped = {rule: found[0].expected for rule, found in verdicts.items() if found[0].verdict == "skipped"}
    assert sorted(skipped) == [
        "conflicting_labels", "drift_js", "drift_linf", "drift_psi", "label_shift", "leakage", "missing_class",
        "single_class", "unknown_label",
    ]  # fmt: skip
    assert skipped["leakage"].endswith("skipped: there is no split but `train`")
    assert skipped["single_class"].endswith("skipped: only a classification has classes")


def test_no_text_no_rules_on_texts(steps: Any) -> None:
    rows = [{"n": place, "label": "ab"[place % 2]} for place in range(40)]
    examples = steps.examples({"train": rows, "test": rows}, {"n": "INT", "label": "BYTES"})
    verdicts = steps.judged(examples, text=())
    assert verdicts["leakage"][0].expected.endswith("skipped: no column holds text or pictures")
    assert failing(verdicts) == []


def test_severity_is_the_pipeline_files_to_set(steps: Any) -> None:
    examples = steps.examples({"train": news(20, 1, "a"), "test": news(20, 1, "a")})
    rules = {"single_class": {"severity": "off"}, "leakage": {"severity": "warning"}}
    verdicts = steps.judged(examples, rules)
    assert "single_class" not in verdicts
    assert only(verdicts, "leakage").severity == "warning"
    assert not Verdict(rules=tuple(v for found in verdicts.values() for v in found)).refused
    assert Verdict(rules=tuple(v for found in steps.judged(examples).values() for v in found)).refused


def test_anomalies_are_those_of_tensorflow_data_validation(steps: Any) -> None:
    test = news(20, 2, "c")
    test[0]["text"] = ""
    defects = [Defect(kind="ragged_row", split="train", count=1, rows=("a.csv:2",), dropped=True)]
    examples = steps.examples({"train": news(60, 1), "test": test, "eval": []}, defects=defects)
    statistics = steps.statistics(examples)
    artifact = steps.anomalies(examples, statistics, steps.schema(statistics))
    train, test_, eval_ = (
        anomalies_pb2.Anomalies.FromString((artifact.split_path(name) / "SchemaDiff.pb").read_bytes())
        for name in ("train", "test", "eval")
    )
    assert train.dataset_anomaly_info.short_description == "ragged_row"
    assert not train.anomaly_info
    label = test_.anomaly_info["label"]
    assert label.severity == Info.ERROR
    assert label.short_description == "Multiple errors"
    assert [reason.type for reason in label.reason] == [
        Info.ENUM_TYPE_UNEXPECTED_STRING_VALUES,
        Info.COMPARATOR_L_INFTY_HIGH,
    ]
    assert list(label.path.step) == ["label"]
    assert test_.anomaly_info["text"].severity == Info.WARNING
    assert test_.baseline.feature[0].name == "label"
    assert (eval_.data_missing, test_.data_missing) == (True, False)
    assert artifact.properties["split_names"] == '["train", "eval", "test"]'


def test_clean_data_needs_no_tensorflow(steps: Any) -> None:
    examples = steps.examples({"train": news(60, 1), "test": news(20, 2)})
    statistics = steps.statistics(examples)
    code = """
import sys, logging
from pathlib import Path
from types import SimpleNamespace
from components.component import Channel, Component
from components.example_validator import ExampleValidator
from components.schema_gen import SchemaGen
from schemas.artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema
examples, statistics, base = Examples(Path(sys.argv[1])), ExampleStatistics(Path(sys.argv[2])), Path(sys.argv[3])
promise = lambda kind: Channel(Component(), "made", kind)
context = SimpleNamespace(base=base, logger=logging.getLogger())
schema = Schema(base / "schema")
SchemaGen(statistics=promise(ExampleStatistics), label="label", task="classification").bind(
    {"statistics": statistics}, {"schema": schema}).run(context)
ExampleValidator(examples=promise(Examples), statistics=promise(ExampleStatistics), schema=promise(Schema),
    label="label").bind({"examples": examples, "statistics": statistics, "schema": schema},
    {"anomalies": ExampleAnomalies(base / "anomalies")}).run(context)
assert not {"tensorflow", "apache_beam", "keras"} & set(sys.modules)
"""
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", code, str(examples.uri), str(statistics.uri), str(steps.folder())]
    done = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
