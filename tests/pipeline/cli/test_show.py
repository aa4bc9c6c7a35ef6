"""`trainworks show`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.runner import run_pipeline


def test_a_run_is_shown_step_by_step(ran: Any, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]) -> None:
    shown = told("show", "latest")
    assert (shown["run_id"], shown["status"], shown["pipeline"]) == (ran.run_id, "succeeded", "toy")
    steps = {step["name"]: step for step in shown["components"]}
    assert steps["ToyEvaluator"]["metrics"] == {"accuracy": 0.9}
    assert steps["ToyEvaluator"]["verdict"]["refused"] is False
    assert steps["ToyTrainer"]["outputs"]["model"]["path"] == str(ran["ToyTrainer"].outputs["model"].uri)
    text = invoke("show", ran.run_id[:-1]).stdout
    assert f"run       {ran.run_id}  succeeded" in text
    assert "ToyEvaluator: passed" in text and "accuracy   0.9000" in text
    assert f"log       .trainworks/logs/{ran.run_id}.log" in text


def test_refusals_and_failures_are_shown(toys: ModuleType, project: Path, ran: Any, invoke: Callable[..., Any]) -> None:
    toys.toy_pipeline(project, accuracy=0.1).run()
    text = invoke("show", "latest").stdout
    assert "refused" in text and "at least 0.5" in text
    (project / "rows.txt").unlink()
    assert run_pipeline(toys.toy_pipeline(project)).status == "failed"
    text = invoke("show", "latest").stdout
    assert "ToyGen failed: `source` must be a file. Received:" in text


def test_a_run_must_be_known_and_unambiguous(
    toys: ModuleType, project: Path, ran: Any, invoke: Callable[..., Any]
) -> None:
    toys.toy_pipeline(project).run()
    unknown = invoke("show", "1999")
    assert unknown.exit_code == 2
    assert "`trainworks runs` lists them. Received: 1999" in unknown.stderr
    several = invoke("show", ran.run_id[:4])
    assert several.exit_code == 2
    assert f"Received: {ran.run_id[:4]}, which fits" in several.stderr
