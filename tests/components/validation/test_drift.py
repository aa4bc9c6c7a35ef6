"""Today's training data against that which passed last."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from schemas.artifacts import ExampleAnomalies
from schemas.verdict import RuleVerdict, Verdict
from tests.components.scenes import png, scene

RULES = ("drift_linf", "drift_js", "drift_psi")
COLUMNS = {"text": "BYTES", "label": "BYTES", "n": "INT", "x": "FLOAT", "kind": "BYTES"}
WORDS = [f"{start}{end}" for start in "bcdfghklmn" for end in ("ab", "eck", "in", "ost", "ull", "am", "ert", "ik")]


def night(seed: int, count: int = 400, words: int = 30, labels: str = "aab", **more: Any) -> list[dict[str, Any]]:
    """One night's rows, at random."""
    draw = random.Random(seed)
    return [
        {
            "text": " ".join(draw.choices(WORDS, k=draw.randint(words // 2, words))),
            "label": draw.choice(labels),
            "n": draw.randint(0, 20),
            "x": draw.gauss(0, 1),
            "kind": draw.choice(["mail", "news", "fax"]),
            **{name: value(draw) if callable(value) else value for name, value in more.items()},
        }
        for _ in range(count)
    ]


@pytest.fixture
def compared(steps: Any) -> Any:
    """Judges today's rows against yesterday's."""

    def judge(
        yesterday: Sequence[Mapping[str, Any]],
        today: Sequence[Mapping[str, Any]],
        *,
        columns: Mapping[str, Any] = COLUMNS,
        rules: Mapping[str, Any] | None = None,
        schema: str = "",
        **options: Any,
    ) -> ExampleAnomalies:
        before = steps.statistics(steps.examples({"train": yesterday}, columns), **options)
        examples = steps.examples({"train": today}, columns)
        statistics = steps.statistics(examples, **options)
        (steps.context.base / "curated.pbtxt").write_text(schema, encoding="utf-8")
        described = steps.schema(statistics, **({"curated": "curated.pbtxt"} if schema else {}))
        return steps.anomalies(examples, statistics, described, before, rules=dict(rules or {}))

    return judge


def broken(anomalies: ExampleAnomalies) -> dict[str, list[str]]:
    """Drift rules that failed, and what each found."""
    found: dict[str, list[str]] = {}
    for verdict in Verdict.load(anomalies.uri).rules:
        if verdict.verdict == "failed" and verdict.rule in RULES:
            found.setdefault(verdict.rule, []).append(verdict.found)
    return found


def verdict(anomalies: ExampleAnomalies, rule: str) -> RuleVerdict:
    return next(verdict for verdict in Verdict.load(anomalies.uri).rules if verdict.rule == rule)


def test_an_ordinary_night_is_no_drift(compared: Any) -> None:
    anomalies = compared(night(1), night(2))
    assert broken(anomalies) == {}
    assert verdict(anomalies, "drift_psi").verdict == "passed"
    assert verdict(anomalies, "drift_psi").expected.startswith(
        "population stability index between `train` and the data"
    )
    assert anomalies.properties["accepted"] == 1


def test_small_nights_differ_by_chance(compared: Any) -> None:
    assert broken(compared(night(1, 12), night(2, 9, labels="ab"))) == {}


def test_labels_that_move(compared: Any) -> None:
    anomalies = compared(night(1), night(2, labels="abb"))
    (linf,) = broken(anomalies)["drift_linf"]
    assert linf.startswith("train: `label` 0.3")
    assert "`b` 3" in linf
    assert linf.endswith("it is what to train on")
    assert verdict(anomalies, "drift_linf").severity == "warning"
    assert not Verdict.load(anomalies.uri).refused


def test_longer_texts_other_numbers_and_new_categories(compared: Any) -> None:
    today = night(2, words=80, x=lambda draw: draw.gauss(2, 1), kind=lambda draw: draw.choice(["mail", "web"]))
    found = broken(compared(night(1), today))
    assert sorted(text.split(" 0.")[0].split(" 1.")[0].split(" 2.")[0] for text in found["drift_js"]) == [
        "train: `kind`", "train: `x`", "train: token length of `text`",
    ]  # fmt: skip
    (kind,) = found["drift_linf"]
    assert "`web` 0 % -> " in kind


def test_values_that_go_missing(compared: Any) -> None:
    today = [row if place % 2 else {**row, "x": None} for place, row in enumerate(night(2))]
    (linf,) = broken(compared(night(1), today))["drift_linf"]
    assert linf.startswith("train: presence of `x` 0.5 (by chance up to ")


def test_another_script(compared: Any) -> None:
    today = night(2, text="これは今日の新しいニュースの記事です" * 2)
    assert any(
        text.startswith("train: scripts of `text` 1") for text in broken(compared(night(1), today))["drift_linf"]
    )


def test_pictures_of_another_size_and_brightness(compared: Any) -> None:
    columns = {"image": "BYTES", "label": "BYTES"}

    def pictures(first: int, size: int, darker: int) -> list[dict[str, Any]]:
        return [
            {"image": png(scene(seed, size) // darker), "label": "ab"[seed % 2]} for seed in range(first, first + 40)
        ]

    anomalies = compared(pictures(0, 24, 1), pictures(100, 24, 1), columns=columns, images=("image",))
    assert broken(anomalies) == {}
    found = broken(compared(pictures(0, 24, 1), pictures(100, 32, 3), columns=columns, images=("image",)))
    moved = {text.removeprefix("train: ").partition(" of ")[0] for text in found["drift_psi"]}
    assert {"width", "height", "bytes", "brightness"} <= moved
    assert "aspect ratio" not in moved


def test_an_error_where_the_file_asks_for_one(compared: Any) -> None:
    rules = {"drift_linf": {"severity": "error", "at_most": 0.05}}
    anomalies = compared(night(1), night(2, labels="abb"), rules=rules)
    assert verdict(anomalies, "drift_linf").expected.endswith("at most 0.05")
    assert Verdict.load(anomalies.uri).refused
    assert anomalies.properties["accepted"] == 0


def test_comparators_of_the_schema_set_the_limit_of_a_feature(compared: Any) -> None:
    schema = """
        feature { name: "label" type: BYTES string_domain { value: "a" value: "b" }
                  drift_comparator { infinity_norm { threshold: 0.9 } } }
        feature { name: "x" type: FLOAT drift_comparator { jensen_shannon_divergence { threshold: 0.02 } } }
    """
    today = night(2, labels="abb", x=lambda draw: draw.gauss(0.6, 1))
    lenient = broken(compared(night(1), today, schema=schema))
    assert "drift_linf" not in lenient
    (js,) = lenient["drift_js"]
    assert "the schema allows 0.02" in js
    assert js.startswith("train: `x` 0.0")


def test_anomalies_in_tensorflow_data_validations_terms(compared: Any) -> None:
    anomalies = compared(night(1), night(2, labels="bbbbbba"))
    message = anomalies_pb2.Anomalies.FromString((anomalies.split_path("train") / "SchemaDiff.pb").read_bytes())
    info, kinds = anomalies_pb2.AnomalyInfo, anomalies_pb2.DriftSkewInfo.Measurement
    reasons = [reason.type for reason in message.anomaly_info["label"].reason]
    assert reasons == [
        info.COMPARATOR_L_INFTY_HIGH,
        info.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
        info.CUSTOM_VALIDATION,
    ]
    measured = {
        (drift.path.step[0], measurement.type): measurement.value
        for drift in message.drift_skew_info
        for measurement in drift.drift_measurements
    }
    assert measured["label", kinds.L_INFTY] == pytest.approx(0.52, abs=0.05)
    assert measured["label", kinds.JENSEN_SHANNON_DIVERGENCE] > 0.1


def test_statistics_that_are_gone_are_told(steps: Any) -> None:
    examples = steps.examples({"train": night(1)}, COLUMNS)
    statistics = steps.statistics(examples)
    before = steps.statistics(examples)
    (before.split_path("train") / "FeatureStats.pb").unlink()
    anomalies = steps.anomalies(examples, statistics, steps.schema(statistics), before)
    skipped = verdict(anomalies, "drift_linf")
    assert skipped.verdict == "skipped"
    assert skipped.expected.endswith(f"skipped: the statistics of the data that passed last are gone from {before.uri}")
