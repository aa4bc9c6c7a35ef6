"""What a page shows of an evaluation, from `metrics.json`."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.lineage.records import RunSummary, StoredArtifact, StoredExecution
from pipeline.report.evaluation import Evaluated, evaluated
from pipeline.report.page import report
from schemas.evaluation import (
    Baseline,
    Comparison,
    Confusion,
    ConfusionMatrix,
    EvaluationReport,
    Measurement,
    Metric,
)


def execution_of(folder: Path, **parts: Any) -> StoredExecution:
    """An evaluation that has published a report with these parts."""
    whole: dict[str, Any] = {
        "task": "classification",
        "split": "test",
        "label": "topic",
        "model": "m",
        "champion": None,
        "examples": 10,
        "confidence": 0.95,
        "bootstrap_samples": 200,
        "overall": {"accuracy": Metric(value=0.8, low=0.7, high=0.9), "log_loss": Metric(value=1.2)},
        "baseline": Baseline(name="majority", metric="accuracy", value=0.5),
        **parts,
    }
    (folder / "metrics.json").write_bytes(EvaluationReport(**whole).to_json())
    artifact = StoredArtifact(1, "ModelEvaluation", folder, {}, "")
    return StoredExecution(1, "p", "r", "Evaluator", "Evaluator", "complete", 0, 1, "", {}, {"evaluation": artifact})


def shown(folder: Path, **parts: Any) -> Evaluated:
    found = evaluated(execution_of(folder, **parts))
    assert found is not None
    return found


def test_what_is_between_0_and_1_has_a_bar(tmp_path: Path) -> None:
    accuracy, loss = shown(tmp_path).metrics
    assert accuracy.bar == pytest.approx((70, 90, 80))
    assert (loss.bar, loss.difference) == (None, None)


def test_the_champion_stands_beside_the_candidate(tmp_path: Path) -> None:
    comparison = Comparison(
        champion={"accuracy": Metric(value=0.7)}, differences={"accuracy": Metric(value=0.1, low=-0.1, high=0.3)}
    )
    accuracy, loss = shown(tmp_path, comparison=comparison, champion="c").metrics
    assert accuracy.champion is not None and accuracy.difference is not None
    assert (accuracy.champion.value, accuracy.difference.value, loss.champion) == (0.7, 0.1, None)


def test_the_worst_slice_comes_first_and_one_without_a_number_last(tmp_path: Path) -> None:
    slices = {
        "topic=a": Measurement(examples=3, metrics={"accuracy": Metric(value=0.9)}),
        "topic=b": Measurement(examples=1, metrics={}),
        "topic=c": Measurement(examples=6, metrics={"accuracy": Metric(value=0.2)}),
    }
    lines = shown(tmp_path, slices=slices).slices
    assert [(line.name, line.examples) for line in lines] == [("topic=c", 6), ("topic=a", 3), ("topic=b", 1)]


def test_cells_of_the_matrix_are_shares_of_their_row(tmp_path: Path) -> None:
    matrix = ConfusionMatrix(labels=("a", "b"), counts=((3, 1), (0, 0)))
    first, second = shown(tmp_path, confusion_matrix=matrix).matrix
    assert (first.label, list(first.cells)) == ("a", [(3, 0.75), (1, 0.25)])
    assert list(second.cells) == [(0, 0.0), (0, 0.0)]


def test_a_matrix_too_large_to_read_is_left_to_the_list_of_mistakes(tmp_path: Path) -> None:
    labels = tuple(f"class {number}" for number in range(41))
    matrix = ConfusionMatrix(labels=labels, counts=tuple((0,) * 41 for _ in labels))
    assert shown(tmp_path, confusion_matrix=matrix).matrix == []


def test_the_page_has_every_part(tmp_path: Path) -> None:
    loss = Metric(value=2.5, low=2.0, high=3.0)
    comparison = Comparison(champion={"mse": loss}, differences={"mse": Metric(value=-0.25, low=-0.5, high=0.0)})
    execution = execution_of(
        tmp_path,
        task="regression",
        overall={"mse": loss},
        undefined={"r2": "all labels are the same"},
        champion="/models/7",
        comparison=comparison,
        confusions=(Confusion(label="a", predicted="b", count=1234),),
        slices={"lang=<de>": Measurement(examples=2, metrics={"mse": loss}, comparison=comparison)},
        unknown_labels=3,
        notes=("the champion knows fewer classes",),
    )
    text = " ".join(report(RunSummary("r", "p", "p.yaml", "succeeded", 0, 1000), [execution]).split())
    for part in (
        '<td class="number">2.0000 to 3.0000</td>',
        '<td class="number">-0.2500</td>',
        "undefined: all labels are the same",
        "The champion was asked the same examples: <code>/models/7</code>",
        '<td dir="auto">a</td><td dir="auto">b</td><td class="number">1,234</td>',
        "lang=&lt;de&gt;",
        "3 labels are unknown to the model.",
        "the champion knows fewer classes",
    ):
        assert part in text, part
    assert "Confusion matrix" not in text
