"""The Evaluator on real SavedModels whose scores are written in the examples themselves."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from components.component import Context
from components.evaluator import Evaluator, check_rules
from schemas.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from schemas.config import EvaluationConfig
from schemas.errors import ConfigError, DataError, TrainworksError
from schemas.evaluation import EvaluationReport
from schemas.hidden_words import SCORES
from schemas.ingestion import FeatureType, Ingestion
from schemas.verdict import Verdict

CLASSES = ["bird", "cat", "dog"]
COLUMNS: dict[str, FeatureType] = {
    "scores": "BYTES",
    "champion_scores": "BYTES",
    "animal": "BYTES",
    "language": "BYTES",
    "length": "INT",
    "price": "FLOAT",
    **dict.fromkeys(("left", "top", "right", "bottom"), "FLOAT"),
}


class _Echo(tf.Module):
    """Answers the scores that an example holds, as text, in one of its columns."""

    def __init__(self, column: str, outputs: int, *, regression: bool = False) -> None:
        super().__init__()
        self._column, self._outputs, self._regression = column, outputs, regression

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {self._column: tf.io.FixedLenFeature((), tf.string)})
        parts = tf.strings.split(parsed[self._column], " ").to_tensor(shape=(None, self._outputs), default_value="0")
        numbers = tf.strings.to_number(parts)
        if self._regression:
            return {"prediction": numbers[:, 0]}
        if self._outputs == len(SCORES):
            return {name: numbers[:, place] for place, name in enumerate(SCORES)}
        return {"scores": numbers[:, :3], "box": numbers[:, 3:]} if self._outputs == 7 else {"scores": numbers}


def _export(uri: Path, module: tf.Module, classes: Sequence[str], signature: str = "serve_examples") -> Model:
    model = Model(uri=uri)
    tf.saved_model.save(module, str(model.serving), signatures={signature: module.serve_examples})
    (model.serving / "assets").mkdir(exist_ok=True)
    if classes:
        (model.serving / "assets" / "labels.txt").write_text("".join(f"{c}\n" for c in classes), encoding="utf-8")
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    root = tmp_path_factory.mktemp("models")
    return {
        "candidate": _export(root / "candidate", _Echo("scores", 3), CLASSES),
        "champion": _export(root / "champion", _Echo("champion_scores", 3), CLASSES),
        "two_classes": _export(root / "two", _Echo("champion_scores", 2), CLASSES[:2]),
        "regressor": _export(root / "regressor", _Echo("scores", 1, regression=True), []),
        "localizer": _export(root / "localizer", _Echo("scores", 7), CLASSES),
        "encoder": _export(root / "encoder", _Echo("scores", 5), []),
        "champion_encoder": _export(root / "champion_encoder", _Echo("champion_scores", 5), []),
        "other_signature": _export(root / "other", _Echo("scores", 3), CLASSES, "serving_default"),
    }


@dataclass
class Rows:
    """Columns of a split."""

    scores: np.ndarray
    labels: Sequence[str] | Sequence[list[str]] | np.ndarray
    champion: np.ndarray | None = None
    language: Sequence[str | None] = ()
    length: Sequence[int] = ()
    shards: int = 1
    boxes: Sequence[Sequence[float]] = ()

    def write(self, uri: Path, *, order: np.ndarray | None = None) -> Examples:
        examples = Examples(uri=uri)
        folder = examples.split_path("test")
        folder.mkdir(parents=True)
        records = [self._record(i) for i in range(len(self.labels))]
        places = np.arange(len(records)) if order is None else order
        for shard, chosen in enumerate(np.array_split(places, self.shards)):
            name = folder / f"data_tfrecord-{shard:05d}-of-{self.shards:05d}"
            with tf.io.TFRecordWriter(str(name)) as writer:
                for i in chosen:
                    writer.write(records[i])
        examples.write_ingestion(Ingestion(columns=COLUMNS, rows={"test": len(records)}))
        return examples

    def _record(self, i: int) -> bytes:
        features = tf.train.Example().features.feature
        for name, scores in (("scores", self.scores), ("champion_scores", self.champion)):
            if scores is not None:
                text = " ".join(repr(float(s)) for s in np.atleast_1d(scores[i]))
                features[name].bytes_list.value.append(text.encode())
        if isinstance(self.labels, np.ndarray):
            features["price"].float_list.value.append(self.labels[i])
        else:
            labels = self.labels[i] if isinstance(self.labels[i], list) else [self.labels[i]]
            features["animal"].bytes_list.value.extend(label.encode() for label in labels)
        if self.language and self.language[i] is not None:
            features["language"].bytes_list.value.append(self.language[i].encode())
        for name, side in zip(("left", "top", "right", "bottom"), self.boxes[i] if self.boxes else (), strict=False):
            features[name].float_list.value.append(side)
        if len(self.length):
            features["length"].int64_list.value.append(self.length[i])
        features["_source"].bytes_list.value.append(f"test.csv:{i}".encode())
        example = tf.train.Example()
        for name, feature in features.items():
            example.features.feature[name].CopyFrom(feature)
        return example.SerializeToString(deterministic=True)


@dataclass
class Outcome:
    report: EvaluationReport
    verdict: Verdict
    blessing: ModelBlessing
    evaluation: ModelEvaluation


@pytest.fixture
def judged(tmp_path: Path, context: Context) -> Callable[..., Outcome]:
    """Evaluates; each call in folders of its own."""
    calls = iter(range(100))

    def judge(
        examples: Examples | Rows,
        model: Model,
        config: dict | None = None,
        *,
        champion: Model | None = None,
        **parameters,
    ) -> Outcome:
        root = tmp_path / f"call-{next(calls)}"
        if isinstance(examples, Rows):
            examples = examples.write(root / "examples")
        outputs = {"evaluation": ModelEvaluation(root / "evaluation"), "blessing": ModelBlessing(root / "blessing")}
        for artifact in outputs.values():
            artifact.uri.mkdir(parents=True)
        given = {"split": "test", "label": "animal", "task": "classification", **parameters}
        component = _unwired(EvaluationConfig.model_validate(config or {}), given)
        inputs = {"examples": examples, "model": model, "champion": champion}
        component.bind(inputs, outputs).run(context)
        return Outcome(
            EvaluationReport.load(outputs["evaluation"].uri),
            Verdict.load(outputs["blessing"].uri),
            outputs["blessing"],
            outputs["evaluation"],
        )

    return judge


def _unwired(config: EvaluationConfig, parameters: dict) -> Evaluator:
    from components.component import Channel

    producer = object.__new__(Evaluator)
    return Evaluator(
        examples=Channel(producer, "examples", Examples),
        model=Channel(producer, "model", Model),
        eval_config=config,
        **parameters,
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _random_rows(seed: int, n: int = 600, **more) -> Rows:
    random = np.random.default_rng(seed)
    truth = random.choice(3, n, p=[0.5, 0.3, 0.2])
    logits = random.normal(size=(n, 3)) * 1.5
    logits[np.arange(n), truth] += 1.5
    champion = random.normal(size=(n, 3)) * 1.5
    champion[np.arange(n), truth] += 0.5
    return Rows(
        scores=_softmax(logits),
        labels=[CLASSES[t] for t in truth],
        champion=_softmax(champion),
        language=[["en", "de"][i] for i in random.choice(2, n)],
        length=[int(v) for v in random.choice(4, n)],
        **more,
    )


def _brute_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    pairs = positive[:, None] - negative[None, :]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def _brute_average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    total, precisions, last = positive.sum(), 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        taken = scores >= threshold
        recall = positive[taken].sum() / total
        precisions += positive[taken].mean() * (recall - last)
        last = recall
    return float(precisions)


def test_metrics_are_those_of_brute_force(judged, models):
    rows = _random_rows(1)
    report = judged(rows, models["candidate"], {"top_k": [2], "bootstrap_samples": 50}).report
    truth = np.array([CLASSES.index(label) for label in rows.labels])
    scores, n = rows.scores.astype(np.float64), len(truth)
    predicted = scores.argmax(axis=1)
    matrix = np.zeros((3, 3), int)
    for t, p in zip(truth, predicted, strict=True):
        matrix[t, p] += 1
    precision, recall = matrix.diagonal() / matrix.sum(0), matrix.diagonal() / matrix.sum(1)
    f1 = 2 * precision * recall / (precision + recall)
    share = matrix.sum(1) / n
    second = np.sort(scores, axis=1)[:, 1]
    auc = [_brute_auc(scores[truth == c, c], scores[truth != c, c]) for c in range(3)]
    average_precision = [_brute_average_precision(scores[:, c], truth == c) for c in range(3)]
    confidence = scores.max(axis=1)
    bins = np.minimum((confidence * 15).astype(int), 14)
    error = sum(abs(((predicted == truth) - confidence)[bins == b].sum()) for b in range(15)) / n

    found = {name: metric.value for name, metric in report.overall.items()}
    exact = {
        "accuracy": (predicted == truth).mean(),
        "top_2_accuracy": (scores[np.arange(n), truth] >= second).mean(),
        "precision_macro": precision.mean(),
        "recall_macro": recall.mean(),
        "f1_macro": f1.mean(),
        "precision_micro": (predicted == truth).mean(),
        "recall_micro": (predicted == truth).mean(),
        "f1_micro": (predicted == truth).mean(),
        "precision_weighted": (precision * share).sum(),
        "recall_weighted": (recall * share).sum(),
        "f1_weighted": (f1 * share).sum(),
        "log_loss": -np.log(scores[np.arange(n), truth]).mean(),
        "calibration_error": error,
    }
    assert {name: found[name] for name in exact} == pytest.approx(exact, abs=1e-6)
    assert found["roc_auc"] == pytest.approx(np.mean(auc), abs=2e-4)
    assert found["pr_auc"] == pytest.approx(np.mean(average_precision), abs=2e-3)
    assert set(found) == set(exact) | {"roc_auc", "pr_auc"}
    assert report.confusion_matrix.labels == tuple(CLASSES)
    assert np.array_equal(report.confusion_matrix.counts, matrix)
    for c, entry in enumerate(report.per_class):
        assert (entry.label, entry.examples, entry.predicted) == (CLASSES[c], matrix.sum(1)[c], matrix.sum(0)[c])
        values = {name: metric.value for name, metric in entry.metrics.items()}
        assert values["precision"] == pytest.approx(precision[c])
        assert values["recall"] == pytest.approx(recall[c])
        assert values["f1"] == pytest.approx(f1[c])
        assert values["roc_auc"] == pytest.approx(auc[c], abs=2e-4)
    wrong = matrix - np.diag(matrix.diagonal())
    assert report.confusions[0].count == wrong.max()
    for metric in report.overall.values():
        assert metric.low <= metric.value <= metric.high


def test_regression_metrics_are_those_of_brute_force(judged, models):
    random = np.random.default_rng(3)
    labels = (1e4 + random.normal(size=500)).astype(np.float32)
    predictions = (labels + random.normal(size=500) * 0.5).astype(np.float32)
    rows = Rows(scores=predictions, labels=labels, length=[i % 2 for i in range(500)])
    outcome = judged(rows, models["regressor"], {"slices": ["length"]}, task="regression", label="price")
    error = predictions.astype(float) - labels.astype(float)
    expected = {
        "mse": (error**2).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "mae": np.abs(error).mean(),
        "r2": 1 - (error**2).sum() / ((labels.astype(float) - labels.astype(float).mean()) ** 2).sum(),
    }
    assert outcome.evaluation.metrics() == pytest.approx(expected, rel=1e-9)
    assert outcome.report.overall["mse"].low < expected["mse"] < outcome.report.overall["mse"].high
    assert outcome.report.slices["length=1"].metrics["mse"].value == pytest.approx((error[1::2] ** 2).mean())
    assert [(rule.rule, rule.verdict) for rule in outcome.verdict.rules] == [("r2 > mean", "passed")]


def test_a_constant_regression_label_has_no_r2_and_is_not_blessed(judged, models):
    rows = Rows(scores=np.ones(5), labels=np.ones(5, np.float32))
    outcome = judged(rows, models["regressor"], task="regression", label="price")
    assert outcome.report.undefined == {"r2": "all labels are equal"}
    assert outcome.report.overall["mse"].value == 0.0
    assert outcome.verdict.rules[0].found == "undefined: all labels are equal"
    assert outcome.blessing.properties["blessed"] == 0


def test_any_sharding_and_order_gives_the_same_report(judged, models, tmp_path):
    config = {"slices": ["animal", ["language", "length"]], "bootstrap_samples": 20}
    texts = []
    for shards in (1, 3, 7):
        rows = _random_rows(5, n=200, shards=shards)
        order = np.random.default_rng(shards).permutation(200)
        examples = rows.write(tmp_path / f"examples-{shards}", order=order)
        outcome = judged(examples, models["candidate"], config, champion=models["champion"])
        texts.append((outcome.evaluation.uri / "metrics.json").read_bytes())
    assert texts[0] == texts[1] == texts[2]


def test_slices_and_crosses(judged, models):
    rows = _random_rows(7, n=300)
    rows.language = [None if i % 10 == 0 else value for i, value in enumerate(rows.language)]
    report = judged(rows, models["candidate"], {"slices": ["animal", "language", ["language", "length"]]}).report
    right = rows.scores.argmax(axis=1) == [CLASSES.index(label) for label in rows.labels]
    language, length = np.array([v or "(missing)" for v in rows.language]), np.array(rows.length)
    for value in ("en", "de", "(missing)"):
        measurement = report.slices[f"language={value}"]
        assert measurement.examples == (language == value).sum()
        assert measurement.metrics["accuracy"].value == pytest.approx(right[language == value].mean())
    cross = report.slices["language=de,length=2"]
    assert cross.metrics["accuracy"].value == pytest.approx(right[(language == "de") & (length == 2)].mean())
    assert sum(m.examples for key, m in report.slices.items() if key.startswith("animal=")) == 300
    assert len(report.slices) == 3 + 3 + 12


def test_a_value_that_reads_like_a_cross_is_a_slice_of_its_own(judged, models):
    rows = _random_rows(7, n=40)
    rows.language = ["en,length=1", "en"] * 20
    rows.length = [5, 1] * 20
    report = judged(rows, models["candidate"], {"slices": ["language", ["language", "length"]]}).report
    assert {name: measurement.examples for name, measurement in report.slices.items()} == {
        "language=en": 20,
        r"language=en\,length=1": 20,
        r"language=en\,length=1,length=5": 20,
        "language=en,length=1": 20,
    }


def test_only_the_largest_slices_are_kept_beside_those_that_rules_name(judged, models):
    n = 250
    rows = _random_rows(8, n=n)
    rows.length = [min(i, 150) for i in range(n)]
    require = [{"metric": "accuracy", "at_least": 0.0, "slice": "length=149"}]
    outcome = judged(rows, models["candidate"], {"slices": ["length"], "require": require, "bootstrap_samples": 0})
    assert "length=150" in outcome.report.slices
    assert "length=149" in outcome.report.slices
    assert len(outcome.report.slices) in (100, 101)
    assert outcome.report.notes == ("slices by length: more than 100 values; the largest are shown",)
    assert outcome.verdict.rules[0].verdict == "passed"


def test_champion_is_compared_on_the_same_examples(judged, models):
    rows = _random_rows(9)
    require = [
        {"metric": "accuracy", "champion": True, "no_worse_by": 0.005},
        {"metric": "log_loss", "champion": True, "better_by": 0.01},
        {"metric": "accuracy", "champion": True, "better_by": 0.9},
    ]
    outcome = judged(rows, models["candidate"], {"require": require}, champion=models["champion"])
    truth = np.array([CLASSES.index(label) for label in rows.labels])
    candidate, champion = rows.scores.argmax(1) == truth, rows.champion.argmax(1) == truth
    comparison = outcome.report.comparison
    assert comparison.champion["accuracy"].value == pytest.approx(champion.mean())
    difference = comparison.differences["accuracy"]
    assert difference.value == pytest.approx(candidate.mean() - champion.mean())
    assert 0 < difference.low < difference.value < difference.high
    assert comparison.mcnemar.candidate_only == (candidate & ~champion).sum()
    assert comparison.mcnemar.champion_only == (champion & ~candidate).sum()
    assert comparison.mcnemar.p_value < 1e-6
    assert comparison.differences["roc_auc"].low > 0
    assert [rule.verdict for rule in outcome.verdict.rules] == ["passed", "passed", "failed"]
    assert outcome.verdict.rules[0].rule == "accuracy >= champion - 0.005"
    assert outcome.verdict.rules[1].rule == "log_loss <= champion - 0.01"
    assert outcome.blessing.properties == {
        "blessed": 0,
        "current_model": str(models["candidate"].uri),
        "baseline_model": str(models["champion"].uri),
    }


def test_a_worse_candidate_is_refused_and_a_limit_that_is_met_exactly_passes(judged, models):
    labels = ["cat"] * 100 + ["dog"] * 100
    right = np.eye(3)[[CLASSES.index(label) for label in labels]] * 0.8 + 0.05
    worse = right.copy()
    worse[:10] = [0.9, 0.05, 0.05]
    rows = Rows(scores=worse, labels=labels, champion=right)
    rules = [{"metric": "accuracy", "champion": True, "no_worse_by": limit} for limit in (0.05, 0.049)]
    outcome = judged(rows, models["candidate"], {"require": rules}, champion=models["champion"])
    assert [rule.verdict for rule in outcome.verdict.rules] == ["passed", "failed"]
    assert "difference -0.05 [" in outcome.verdict.rules[1].found
    assert (outcome.blessing.uri / "NOT_BLESSED").read_bytes() == b""
    assert not (outcome.blessing.uri / "BLESSED").exists()


def _paired(candidate_only: int, champion_only: int, n: int) -> Rows:
    """Cats and dogs in turn; the first rows are right for one model alone, all others for both."""
    truth = np.arange(n) % 2 + 1
    right, wrong = np.eye(3)[truth] * 0.8 + 0.05, np.eye(3)[np.zeros(n, int)] * 0.8 + 0.05
    only = np.arange(n)[:, None]
    alone = candidate_only + champion_only
    return Rows(
        scores=np.where((only >= candidate_only) & (only < alone), wrong, right),
        labels=[CLASSES[t] for t in truth],
        champion=np.where(only < candidate_only, wrong, right),
    )


def test_a_difference_must_be_shown_where_significance_is_asked_for(judged, models):
    rules = [
        {"metric": "accuracy", "champion": True, "better_by": 0.0},
        {"metric": "accuracy", "champion": True, "better_by": 0.0, "significance": 0.05},
        {"metric": "accuracy", "champion": True, "no_worse_by": 0.05, "significance": 0.05},
        {"metric": "accuracy", "champion": True, "no_worse_by": 0.005, "significance": 0.05},
        {"metric": "f1_macro", "champion": True, "no_worse_by": 0.2, "significance": 0.05},
        {"metric": "log_loss", "champion": True, "better_by": 0.01, "significance": 0.05},
    ]
    outcome = judged(_paired(4, 2, 200), models["candidate"], {"require": rules}, champion=models["champion"])
    verdicts = outcome.verdict.rules
    assert [rule.verdict for rule in verdicts] == ["passed", "failed", "passed", "failed", "passed", "failed"]
    assert verdicts[1].rule == "accuracy >= champion"
    assert verdicts[1].expected == "better with 95 % confidence"
    tests = outcome.report.comparison.tests
    assert [(test.metric, test.margin, test.method) for test in tests] == [
        ("accuracy", 0.0, "McNemar's exact test"),
        ("accuracy", -0.05, "Tango's score test"),
        ("accuracy", -0.005, "Tango's score test"),
        ("f1_macro", -0.2, "paired bootstrap"),
        ("log_loss", 0.01, "paired bootstrap"),
    ]
    assert tests[0].p_value == pytest.approx((15 + 6 + 1) / 64)  # 4, 5 or 6 of 6 discordant examples
    assert verdicts[1].found.endswith(f", at least {tests[0].bound:.4g} by McNemar's exact test (p = 0.344)")
    assert tests[1].p_value < 0.05 < tests[2].p_value
    assert verdicts[2].expected == "less than 0.05 worse with 95 % confidence"
    assert ", at most " in verdicts[5].found


def test_significance_is_of_a_slice_where_a_rule_names_one(judged, models):
    rule = {"metric": "accuracy", "champion": True, "better_by": 0.0, "significance": 0.05, "slice": "language=en"}
    rows = _paired(8, 0, 60)
    rows.language = ["en"] * 8 + ["de"] * 52
    config = {"slices": ["language"], "require": [rule, {**rule, "slice": "language=de"}]}
    outcome = judged(rows, models["candidate"], config, champion=models["champion"])
    assert [rule.verdict for rule in outcome.verdict.rules] == ["passed", "failed"]
    assert outcome.report.slices["language=en"].comparison.tests[0].p_value == pytest.approx(1 / 256)
    assert outcome.report.slices["language=de"].comparison.tests[0].p_value == 1.0
    assert outcome.report.comparison.tests == ()


def test_significance_that_cannot_be_told_is_refused_before_anything_runs():
    def config(**rule: object) -> EvaluationConfig:
        rule = {"champion": True, "better_by": 0.0, "significance": 0.01, **rule}
        return EvaluationConfig.model_validate({"slices": ["a"], "require": [rule]})

    check_rules(config(metric="accuracy"), "classification")
    with pytest.raises(
        ConfigError, match=r"needs at least 1000 bootstrap replicates. Received: evaluation.bootstrap_s"
    ):
        check_rules(config(metric="f1_macro"), "classification")
    with pytest.raises(ConfigError, match=r"`significance` of roc_auc cannot be told on a slice"):
        check_rules(config(metric="roc_auc", slice="a=b"), "classification")
    with pytest.raises(ValidationError, match="`significance` is of a difference: it goes with `champion: true`"):
        EvaluationConfig.model_validate({"require": [{"metric": "accuracy", "at_least": 0.9, "significance": 0.05}]})


@pytest.mark.parametrize(
    ("policy", "more"),
    [
        ("bless", []),
        ("baseline", [("accuracy > majority class `cat`", "passed")]),
        ("refuse", [("champion", "failed")]),
    ],
)
def test_a_policy_says_what_becomes_of_a_first_candidate(judged, models, tmp_path, policy, more):
    require = [{"metric": "accuracy", "champion": True, "better_by": 0.0}]
    rows = Rows(scores=np.eye(3)[[1, 1, 2, 2, 1]], labels=["cat", "cat", "dog", "dog", "cat"])
    gone = Model(tmp_path / "gone")
    for setting, champion in (("first_run", None), ("lost_champion", gone)):
        config = {"require": require, setting: policy}
        outcome = judged(rows, models["candidate"], config, champion=champion)
        assert [(rule.rule, rule.verdict) for rule in outcome.verdict.rules] == [
            ("accuracy >= champion", "skipped"),
            *more,
        ]
        assert outcome.blessing.properties["blessed"] == (policy != "refuse")
        (note,) = outcome.verdict.notes
        assert note.endswith(f" (`evaluation.{setting}: {policy}`)")
        assert note.startswith("the champion's files are gone" if champion else "no model has been blessed yet")
    assert ("--set evaluation.lost_champion=bless" in outcome.verdict.rules[-1].found) == (policy == "refuse")


def test_without_rules_on_the_champion_its_absence_is_no_news(judged, models):
    rows = _random_rows(2)
    assert judged(rows, models["candidate"]).verdict.notes == ()
    alone = judged(rows, models["candidate"], {"first_run": "refuse"})
    assert [rule.verdict for rule in alone.verdict.rules] == ["failed", "passed"]
    baseline = judged(rows, models["candidate"], {"first_run": "baseline"})
    assert [rule.rule for rule in baseline.verdict.rules] == ["accuracy > majority class `bird`"]


def test_a_champion_of_other_labels_is_lost_and_one_of_fewer_is_said_to_be(judged, models, tmp_path):
    rows = _random_rows(2)
    strangers = _export(tmp_path / "strangers", _Echo("champion_scores", 3), ["ant", "bee", "cow"])
    outcome = judged(rows, models["candidate"], {"lost_champion": "refuse"}, champion=strangers)
    assert outcome.verdict.rules[0].found.startswith("the champion knows none of the candidate's labels. To bless")
    rows.champion = rows.champion[:, :2]
    fewer = judged(rows, models["candidate"], champion=models["two_classes"])
    told = "the champion does not know 1 of the candidate's 3 labels (`dog`): examples of them count as wrong for it"
    assert fewer.verdict.notes == fewer.report.notes == (told,)
    assert fewer.verdict.rules[0].rule == "accuracy > majority class `bird`"


def test_a_champion_with_fewer_classes_counts_as_wrong_on_the_new_one(judged, models):
    labels = ["bird"] * 6 + ["cat"] * 6 + ["dog"] * 4
    scores = np.eye(3)[[CLASSES.index(label) for label in labels]]
    rows = Rows(scores=scores, labels=labels, champion=scores[:, :2])
    report = judged(rows, models["candidate"], champion=models["two_classes"]).report
    assert report.overall["accuracy"].value == 1.0
    assert report.comparison.champion["accuracy"].value == 12 / 16


def test_champion_rules_are_skipped_without_a_champion(judged, models, tmp_path):
    require = [{"metric": "accuracy", "champion": True, "no_worse_by": 0.0}]
    outcome = judged(_random_rows(2), models["candidate"], {"require": require})
    assert outcome.verdict.rules[0].verdict == "skipped"
    assert outcome.verdict.rules[0].expected == "skipped: no model has been blessed yet"
    assert outcome.blessing.properties["blessed"] == 1
    assert outcome.blessing.properties["baseline_model"] == ""
    gone = judged(_random_rows(2), models["candidate"], {"require": require}, champion=Model(tmp_path / "gone"))
    assert gone.verdict.rules[0].expected.startswith("skipped: the champion's files are gone from")
    assert gone.report.notes[0].startswith("the champion's files are gone")


@pytest.mark.parametrize("columns", [{"body": "BYTES"}, {"champion_scores": "BYTES", "length": "FLOAT"}])
def test_a_champion_that_reads_other_columns_is_left_out(judged, models, caplog, columns):
    require = [{"metric": "accuracy", "champion": True, "better_by": 0.0}]
    champion = Model(models["champion"].uri)
    champion.note_columns(columns)
    outcome = judged(_random_rows(2), models["candidate"], {"require": require}, champion=champion)
    name, kind = list(columns.items())[-1]
    reason = f"the champion reads `{name}` ({kind}), which these examples do not have"
    assert outcome.verdict.rules[0].verdict == "skipped"
    assert outcome.verdict.rules[0].expected == f"skipped: {reason}"
    assert outcome.report.notes == (reason,)
    assert (outcome.report.champion, outcome.report.comparison) == (None, None)
    assert f"The champion is left out: {reason}" in caplog.text
    champion.note_columns({"champion_scores": "BYTES", "length": "INT"})
    assert judged(_random_rows(2), models["candidate"], champion=champion).report.comparison is not None


@pytest.mark.parametrize("damage", ["graph", "cut", "variables", "labels"])
def test_a_champion_that_cannot_be_asked_is_left_out(judged, models, tmp_path, caplog, damage):
    module = _Echo("champion_scores", 3)
    module.weights = tf.Variable([1.0, 2.0])
    champion = _export(tmp_path / "champion", module, [] if damage == "labels" else CLASSES)
    graph = champion.serving / "saved_model.pb"
    if damage == "graph":
        graph.write_bytes(b"no protobuf")
    elif damage == "cut":
        graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    elif damage == "variables":
        (champion.serving / "variables" / "variables.index").unlink()
    require = [{"metric": "accuracy", "champion": True, "better_by": 0.0}]
    outcome = judged(_random_rows(2), models["candidate"], {"require": require}, champion=champion)
    assert outcome.verdict.rules[0].verdict == "skipped"
    reason = f"the champion in {champion.serving} cannot be asked: "
    assert outcome.verdict.rules[0].expected.startswith(f"skipped: {reason}")
    assert outcome.report.comparison is None
    assert reason in caplog.text


def test_a_champion_of_another_task_is_left_out(judged, models):
    outcome = judged(_random_rows(2), models["candidate"], champion=models["regressor"])
    assert outcome.report.notes[0].endswith("`serve_examples` must answer `scores`. Received: prediction")
    outcome = judged(_random_rows(2), models["candidate"], champion=models["other_signature"])
    assert "must have a signature `serve_examples`. Received: serving_default" in outcome.report.notes[0]


def test_unknown_labels_are_counted_and_wrong(judged, models):
    labels = ["bird"] * 4 + ["cat"] * 4 + ["emu"] * 2
    scores = np.eye(3)[[0] * 4 + [1] * 4 + [0] * 2]
    report = judged(Rows(scores=scores, labels=labels), models["candidate"]).report
    assert report.unknown_labels == 2
    assert report.unknown_label_examples == {"emu": 2}
    assert report.overall["accuracy"].value == 0.8
    assert report.overall["recall_macro"].value == pytest.approx(2 / 3)
    assert report.per_class[0].metrics["precision"].value == pytest.approx(4 / 6)
    assert report.confusions[0].model_dump() == {"label": "(unknown label)", "predicted": "bird", "count": 2}
    assert report.confusion_matrix.counts[3] == (2, 0, 0, 0)


def test_rules_give_a_verdict_each_with_numbers(judged, models):
    labels = ["cat"] * 50 + ["dog"] * 50
    scores = np.eye(3)[[1] * 48 + [2] * 52]
    require = [
        {"metric": "accuracy", "at_least": 0.9},
        {"metric": "accuracy", "at_least": 0.97, "at_most": 0.99},
        {"metric": "accuracy", "at_least": 0.97, "slice": "animal=cat"},
        {"metric": "accuracy", "at_least": 0.5, "slice": "animal=emu"},
    ]
    outcome = judged(
        Rows(scores=scores, labels=labels), models["candidate"], {"slices": ["animal"], "require": require}
    )
    assert [rule.model_dump(include={"rule", "verdict"}) for rule in outcome.verdict.rules] == [
        {"rule": "accuracy >= 0.9", "verdict": "passed"},
        {"rule": "accuracy >= 0.97", "verdict": "passed"},
        {"rule": "accuracy <= 0.99", "verdict": "passed"},
        {"rule": "accuracy >= 0.97 on animal=cat", "verdict": "failed"},
        {"rule": "accuracy >= 0.5 on animal=emu", "verdict": "failed"},
    ]
    assert outcome.verdict.rules[0].found == "0.98 [0.93, 0.9945]"
    assert outcome.verdict.rules[3].found == "0.96 [0.8654, 0.989]"
    assert "has no examples of animal=emu; its slices are animal=cat, animal=dog" in outcome.verdict.rules[4].found


@pytest.mark.parametrize(("right", "blessed"), [(60, 0), (61, 1)])
def test_without_rules_the_majority_class_must_be_beaten(judged, models, right, blessed):
    labels = ["cat"] * 60 + ["dog"] * 40
    scores = np.eye(3)[[1] * 60 + [2] * (right - 60) + [1] * (100 - right)]
    outcome = judged(Rows(scores=scores, labels=labels), models["candidate"])
    assert outcome.blessing.properties["blessed"] == blessed
    assert outcome.verdict.rules[0].rule == "accuracy > majority class `cat`"
    assert outcome.verdict.rules[0].expected == "more than 0.6"


def test_a_split_of_one_class_cannot_be_won(judged, models):
    outcome = judged(Rows(scores=np.eye(3)[[1] * 10], labels=["cat"] * 10), models["candidate"])
    assert outcome.blessing.properties["blessed"] == 0
    assert "holds a single class, so no model can beat it" in outcome.verdict.rules[0].found
    assert outcome.report.undefined["roc_auc"] == "no class has both examples of its own and of others"
    assert outcome.report.per_class[0].examples == 0
    assert "recall" not in outcome.report.per_class[0].metrics


def test_nan_scores_fail_with_a_clear_text(judged, models):
    scores = np.eye(3)[[0, 1, 2, 0, 1]]
    scores[1, 1] = np.nan
    require = [{"metric": "accuracy", "at_least": 0.5}, {"metric": "log_loss", "at_most": 9}]
    rows = Rows(scores=scores, labels=["bird", "cat", "dog", "bird", "cat"])
    outcome = judged(rows, models["candidate"], {"require": require})
    assert [rule.verdict for rule in outcome.verdict.rules] == ["failed", "passed", "failed"]
    assert outcome.verdict.rules[0].found == "1 of 5 examples have NaN or infinity"
    assert outcome.verdict.rules[2].found == "undefined: the model answers NaN or infinity for 1 examples"
    assert outcome.report.overall["accuracy"].value == 0.8
    assert outcome.blessing.properties["blessed"] == 0
    json.loads((outcome.evaluation.uri / "metrics.json").read_text(), parse_constant=pytest.fail)


def test_an_empty_split_and_what_is_not_there(judged, models):
    empty = Rows(scores=np.zeros((0, 3)), labels=[])
    with pytest.raises(DataError, match="Split `test` must hold examples"):
        judged(empty, models["candidate"])
    with pytest.raises(ConfigError, match=r"`evaluation.split` must be one of the splits test. Received: split=exam"):
        judged(_random_rows(1), models["candidate"], split="exam")
    with pytest.raises(ConfigError, match=r"Received: country. Add it to `data.keep`"):
        judged(_random_rows(1), models["candidate"], {"slices": ["country"]})
    with pytest.raises(TrainworksError, match=r"must have a signature `serve_examples`. Received: serving_default"):
        judged(_random_rows(1), models["other_signature"])


def test_rules_are_checked_before_anything_runs():
    def config(**rule: object) -> EvaluationConfig:
        return EvaluationConfig.model_validate({"slices": ["a", ["a", "b"]], "require": [{"at_least": 0.5, **rule}]})

    with pytest.raises(ConfigError, match=r"must be one of accuracy, top_3_accuracy.*Did you mean `f1_macro`"):
        check_rules(config(metric="f1_makro"), "classification")
    with pytest.raises(ConfigError, match=r"of a regression must be one of mse, rmse, mae, r2. Received: accuracy"):
        check_rules(config(metric="accuracy"), "regression")
    with pytest.raises(ConfigError, match=r"columns that `evaluation.slices` names: \[a\], \[a, b\]. Received: b=1"):
        check_rules(config(metric="accuracy", slice="b=1"), "classification")
    check_rules(config(metric="accuracy", slice="a=1,b=x=y"), "classification")


def test_a_regression_label_must_be_a_number(judged, models):
    rows = Rows(scores=np.ones(3), labels=np.array([1.0, np.nan, 2.0], np.float32))
    with pytest.raises(DataError, match="`price` must be finite in every example"):
        judged(rows, models["regressor"], task="regression", label="price")


def test_scores_must_fit_the_labels(judged, models, tmp_path):
    model = _export(tmp_path / "four", _Echo("scores", 4), CLASSES)
    with pytest.raises(TrainworksError, match=r"one score for each of the 3 labels.*shape \(5, 4\)"):
        judged(Rows(scores=np.ones((5, 4)), labels=["cat"] * 5), model)


def test_several_labels_are_judged_each_and_together(judged, models):
    labels = [["cat"], ["bird", "cat"], [], ["dog", "emu"], ["cat", "dog"]] * 10
    scores = np.array([[0.1, 0.9, 0.2], [0.8, 0.7, 0.1], [0.1, 0.2, 0.3], [0.1, 0.1, 0.9], [0.9, 0.8, 0.2]] * 10)
    rules = [{"metric": "f1_micro", "at_least": 0.8}, {"metric": "hamming_loss", "champion": True, "no_worse_by": 0.0}]
    rows = Rows(scores=scores, labels=labels, champion=1 - scores)
    outcome = judged(
        rows,
        models["candidate"],
        {"require": rules, "slices": ["animal"]},
        champion=models["champion"],
        task="multi-label",
    )
    report = outcome.report
    found = outcome.evaluation.metrics()
    # An example of each: right; both right; none, right; one right, one unknown; one right, one wrong, one missed.
    assert found["subset_accuracy"] == pytest.approx(3 / 5)
    assert found["hamming_loss"] == pytest.approx(3 / 15)
    assert found["f1_micro"] == pytest.approx(2 * 5 / (7 + 6))
    assert [entry.examples for entry in report.per_class] == [10, 30, 20]
    assert [entry.predicted for entry in report.per_class] == [20, 30, 10]
    assert (report.unknown_labels, report.unknown_label_examples) == (10, {"emu": 10})
    assert (report.baseline.name, report.baseline.metric) == ("always `cat`, `dog`", "f1_micro")
    assert [rule.verdict for rule in outcome.verdict.rules] == ["failed", "passed"]
    assert report.comparison.champion["subset_accuracy"].value == 0.0
    assert report.comparison.mcnemar.candidate_only == 30
    assert report.confusion_matrix is None
    assert {name: slice.examples for name, slice in report.slices.items()} == {
        f"animal={name}": 10 for name in ("(missing)", "bird|cat", "cat", "cat|dog", "dog|emu")
    }
    with pytest.raises(ConfigError, match=r"of a multi-label must be one of subset_accuracy, hamming_loss"):
        judged(rows, models["candidate"], {"require": [{"metric": "accuracy", "at_least": 1}]}, task="multi-label")


def test_a_class_and_its_box_are_judged_together(judged, models):
    boxes = [[0.0, 0.0, 0.5, 0.5]] * 4
    answered = [[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.75, 0.5], [0.0, 0.0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]]
    scores = np.concatenate([np.eye(3)[[0, 1, 1, 2]], answered], axis=1)
    rows = Rows(scores=scores, labels=["bird", "cat", "dog", "emu"], boxes=boxes)
    rules = [{"metric": "iou_50", "at_least": 0.5}, {"metric": "localization_accuracy", "at_least": 0.5}]
    sides = ("left", "top", "right", "bottom")
    outcome = judged(rows, models["localizer"], {"require": rules}, task="localization", box=sides)
    found = outcome.evaluation.metrics()
    assert found["accuracy"] == 0.5
    assert found["mean_iou"] == pytest.approx((1 + 1 / 3 + 1 + 0) / 4, abs=1e-6)
    assert (found["iou_50"], found["localization_accuracy"]) == (0.5, 0.25)
    assert outcome.report.unknown_label_examples == {"emu": 1}
    assert [rule.verdict for rule in outcome.verdict.rules] == ["passed", "failed"]
    rows.boxes = [*boxes[:3], []]
    with pytest.raises(DataError, match="must have one number in `left`"):
        judged(rows, models["localizer"], task="localization", box=sides)


def _encoder_rows(count: int = 120) -> Rows:
    """What two encoders say of hidden words; labels are there and not looked at."""
    random = np.random.default_rng(8)
    masked = random.integers(0, 12, count)
    common = [masked // 8, masked * 5.0]
    candidate = np.stack([masked, masked // 2, masked * 3.0, *common], axis=1)
    champion = np.stack([masked, masked // 3, masked * 3.5, *common], axis=1)
    return Rows(scores=candidate, labels=["cat"] * count, champion=champion, length=[i % 2 for i in range(count)])


def test_hidden_words_are_judged_without_labels(judged, models):
    rows = _encoder_rows()
    options = {"task": "pretraining", "label": None}
    outcome = judged(rows, models["encoder"], {"slices": ["length"]}, champion=models["champion_encoder"], **options)
    sums = rows.scores.sum(axis=0)
    metrics = outcome.evaluation.metrics()
    assert metrics["masked_accuracy"] == pytest.approx(sums[1] / sums[0])
    assert metrics["perplexity"] == pytest.approx(np.exp(3.0))
    assert outcome.report.comparison.differences["perplexity"].value == pytest.approx(np.exp(3.0) - np.exp(3.5))
    assert set(outcome.report.slices) == {"length=0", "length=1"}
    (rule,) = outcome.verdict.rules
    assert (rule.rule, rule.verdict) == ("perplexity < frequency of each piece", "passed")
    assert rule.expected == f"less than {np.exp(5.0):.4g}"


def test_encoders_of_other_vocabularies_are_not_compared(judged, models):
    for name in ("encoder", "champion_encoder"):
        models[name].checkpoint.mkdir(parents=True, exist_ok=True)
        (models[name].checkpoint / "vocab.txt").write_text(name)
    rule = {"metric": "perplexity", "champion": True, "no_worse_by": 1.0}
    options = {"task": "pretraining", "label": None, "champion": models["champion_encoder"]}
    outcome = judged(_encoder_rows(), models["encoder"], {"require": [rule]}, **options)
    assert outcome.report.comparison is None
    assert "the champion has another vocabulary" in outcome.verdict.rules[0].expected + outcome.verdict.rules[0].found
