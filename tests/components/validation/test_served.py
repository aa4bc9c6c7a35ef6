"""Rules on what a served model is asked and answers."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transforms.label_join import DayTally, Joined
from components.transforms.request_logs import LogCounts
from components.validation.inspection import Judgement
from components.validation.served import LABEL, SCORE, ServedInspection, ServedVersion, judge_served
from schemas.config import MonitoringConfig
from schemas.evaluation import Baseline, ClassReport, EvaluationReport
from schemas.statistics import SplitView
from schemas.verdict import RuleVerdict

TRAINING = {"text": "BYTES", "label": "BYTES", "channel": "BYTES"}
ASKED = {"text": "BYTES", "channel": "BYTES", LABEL: "BYTES", SCORE: "FLOAT"}
WORDS = [f"{start}{end}" for start in "bcdfghkl" for end in ("ab", "eck", "in", "ost")]


def rows(seed: int, *, words: int = 12, labels: str = "ab", channels: Sequence[str] = ("mail", "web")) -> Any:
    draw = random.Random(seed)
    return [
        {
            "text": " ".join(draw.choices(WORDS, k=draw.randint(4, words))),
            "label": (label := draw.choice(labels)),
            "channel": draw.choice(channels) if channels else None,
            LABEL: label,
            SCORE: round(draw.uniform(0.5, 1.0), 4),
        }
        for _ in range(400)
    ]


@pytest.fixture
def view(steps: Any) -> Any:
    def measured(content: Any, columns: Any = ASKED) -> SplitView:
        label = "label" if "label" in columns else LABEL
        return steps.measured(content, columns=columns, label=label)

    return measured


def evaluation(**changes: Any) -> EvaluationReport:
    classes = tuple(ClassReport(label=name, examples=500, predicted=500, metrics={}) for name in "ab")
    report = EvaluationReport(
        task="classification",
        split="test",
        label="label",
        model="m",
        champion=None,
        examples=1000,
        confidence=0.95,
        bootstrap_samples=0,
        overall={},
        baseline=Baseline(name="", metric="", value=0.5),
        per_class=classes,
        best_scores=tuple(0.5 + step / 200 for step in range(101)),
    )
    return report.model_copy(update=changes)


def judged(*versions: ServedVersion, counts: LogCounts | None = None, **config: Any) -> Judgement:
    joined = config.pop("joined", None)
    inspection = ServedInspection(
        versions=versions,
        features=frozenset({"text"}),
        window="24h",
        counts=counts or LogCounts(records=10),
        joined=joined,
    )
    return judge_served(inspection, MonitoringConfig.model_validate({"logs": "x", **config}))


def of(judgement: Judgement, rule: str) -> list[RuleVerdict]:
    return [verdict for verdict in judgement.verdicts if verdict.rule == rule]


def test_requests_like_training_data_pass(view: Any) -> None:
    version = ServedVersion(7, view(rows(1)), view(rows(2), TRAINING), evaluation())
    judgement = judged(version)
    assert {verdict.verdict for verdict in judgement.verdicts} == {"passed"}
    assert [verdict.rule for verdict in judgement.verdicts] == [
        "unreadable_log", "skew_linf", "skew_js", "skew_psi", "prediction_linf", "prediction_js", "prediction_psi",
    ]  # fmt: skip


def test_columns_that_requests_need_not_send_are_no_skew(view: Any) -> None:
    version = ServedVersion(7, view(rows(1, channels=())), view(rows(2), TRAINING), evaluation())
    assert of(judged(version), "skew_linf")[0].verdict == "passed"


def test_other_texts_channels_labels_and_scores(view: Any) -> None:
    asked = rows(1, words=60, labels="aaaab", channels=("mail", "phone"))
    for row in asked:
        row[SCORE] = round(row[SCORE] / 2 + 0.5, 4)
    judgement = judged(ServedVersion(7, view(asked), view(rows(2), TRAINING), evaluation()))
    (skew,) = (verdict for verdict in of(judgement, "skew_linf") if verdict.verdict == "failed")
    assert skew.found.startswith("version 7: `channel` 0.5") and "`phone` 0 % -> " in skew.found
    assert [v.found.split(" 0.")[0].split(" 1.")[0] for v in of(judgement, "skew_js")] == [
        "version 7: token length of `text`", "version 7: `channel`",
    ]  # fmt: skip
    (labels,) = of(judgement, "prediction_linf")
    assert labels.found.startswith("version 7: predicted label 0.2") and "`a` 50 % -> 7" in labels.found
    assert any(v.found.startswith("version 7: score ") for v in of(judgement, "prediction_psi"))


def test_a_comparator_of_the_schema_sets_the_limit(view: Any) -> None:
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="channel")
    feature.skew_comparator.infinity_norm.threshold = 0.9
    asked = view(rows(1, channels=("mail", "phone")))
    version = ServedVersion(7, asked, view(rows(2), TRAINING), evaluation(), schema)
    assert of(judged(version), "skew_linf")[0].verdict == "passed"


def test_versions_are_judged_each_by_its_own_and_unknown_ones_are_told(view: Any) -> None:
    training = view(rows(2), TRAINING)
    old = ServedVersion(7, view(rows(1, words=60)), training, evaluation())
    new = ServedVersion(8, view(rows(3)), training, evaluation())
    strange = ServedVersion(9, view(rows(4)), missing="lineage knows no version 9 in served")
    verdicts = of(judged(old, new, strange), "skew_js")
    assert [(v.verdict, v.found.partition(":")[0]) for v in verdicts] == [("skipped", "-"), ("failed", "version 7")]
    assert verdicts[0].expected.endswith("skipped: version 9: lineage knows no version 9 in served")


def test_a_version_that_another_one_has_replaced_is_but_a_warning(view: Any) -> None:
    training, shifted = view(rows(2), TRAINING), view(rows(1, words=60))
    old, new = (ServedVersion(number, shifted, training, evaluation()) for number in (7, 8))
    days = (DayTally(7, 1, 200, 100, 20), DayTally(8, 2, 200, 100, 95))
    config = {"labels": {"files": "x.csv"}, "live_accuracy": {"at_least": 0.9}}
    counts = LogCounts(records=10, times={7: (1, 5), 8: (6, 9)})
    judgement = judged(old, new, counts=counts, joined=Joined(days=days), **config)
    assert [(v.verdict, v.severity, v.found.split(":")[0]) for v in of(judgement, "skew_js")] == [
        ("failed", "error", "version 8"), ("failed", "warning", "version 7"),
    ]  # fmt: skip
    assert of(judgement, "skew_js")[1].expected.endswith("at most 0.1 (of versions that answer no more)")
    accuracy = [(v.verdict, v.severity) for v in of(judgement, "live_accuracy")]
    assert accuracy == [("passed", "error"), ("failed", "warning")]


def test_what_cannot_be_compared_is_said(view: Any) -> None:
    asked, training = view(rows(1)), view(rows(2), TRAINING)
    numbers = evaluation(task="regression", per_class=())
    judgement = judged(ServedVersion(7, asked, training), ServedVersion(8, asked, training, numbers))
    verdicts = of(judgement, "prediction_linf")
    assert [(v.verdict, v.expected.partition("; ")[2]) for v in verdicts] == [
        ("skipped", "skipped: version 7: its evaluation is gone"),
        ("skipped", "skipped: version 8: none of its values can be compared so"),
    ]
    assert [v.verdict for v in of(judgement, "prediction_js")] == ["skipped", "passed"]


def test_answers_of_several_labels_or_none_count_label_by_label(view: Any) -> None:
    asked = rows(1)
    for number, row in enumerate(asked):
        row[LABEL] = ("a|b", "a", "b", "")[number % 4]
    version = ServedVersion(7, view(asked), view(rows(2), TRAINING), evaluation(task="multi-label"))
    (labels,) = of(judged(version), "prediction_linf")
    assert labels.verdict == "passed"
    assert labels.found.startswith("version 7: predicted label 0 (")
    assert labels.found.endswith("`a` 50 % -> 50 %, `b` 50 % -> 50 %")


def test_a_window_without_requests() -> None:
    (verdict,) = of(judged(), "skew_js")
    assert (verdict.verdict, verdict.expected.partition("; ")[2]) == ("skipped", "skipped: no request of the last 24h")


def test_logs_that_cannot_be_read() -> None:
    counts = LogCounts(records=97, damaged=2, unreadable=["`a` cannot be read: permission denied"])
    (verdict,) = of(judged(counts=counts), "unreadable_log")
    assert (verdict.verdict, verdict.severity) == ("failed", "warning")
    assert verdict.found.startswith("logs: 3 of 98 records and files (3.06 %)")
    assert verdict.rows == ("`a` cannot be read: permission denied",)


@pytest.mark.parametrize(
    ("right", "labelled", "verdict"),
    [(90, 100, "passed"), (85, 100, "passed"), (80, 100, "failed"), (4, 5, "passed"), (0, 0, "skipped")],
)
def test_live_accuracy_fails_where_its_whole_interval_lies_below(right: int, labelled: int, verdict: str) -> None:
    days = (
        DayTally(7, 1, 200, labelled - labelled // 2, right // 2),
        DayTally(7, 2, 0, labelled // 2, right - right // 2),
    )
    config = {"labels": {"files": "x.csv"}, "live_accuracy": {"at_least": 0.9}}
    (found,) = of(judged(joined=Joined(days=days), **config), "live_accuracy")
    assert found.verdict == verdict
    if verdict == "failed":
        assert found.found.startswith(
            "version 7: 80 % right (95 % interval 71.1 % to 86.7 %); 100 of 200 answers have labels (50 %)."
        )
