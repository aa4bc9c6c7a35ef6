"""What a page shows of an evaluation, from `metrics.json`."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.lineage.records import StoredArtifact, StoredExecution
from pipeline.report.evaluation import Evaluated, evaluated
from schemas.evaluation import (
    Baseline,
    Comparison,
    ConfusionMatrix,
    EvaluationReport,
    Measurement,
    Metric,
)


def shown(folder: Path, **parts: Any) -> Evaluated:
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
    execution = StoredExecution(
        1, "p", "r", "Evaluator", "Evaluator", "complete", 0, 1, "", {}, {"evaluation": artifact}
    )
    found = evaluated(execution)
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
