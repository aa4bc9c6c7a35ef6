"""The champion that a training starts from, night after night."""

from pathlib import Path
from types import ModuleType

from pipeline.lineage.store import Lineage
from pipeline.result import RunResult
from pipeline.runner import run_pipeline


def began(result: RunResult) -> str:
    """What the training started from."""
    path = result["ToyTrainer"].outputs["model"].uri / "Format-Serving" / "began"
    return path.read_text().strip() if path.exists() else ""


def test_a_training_starts_from_the_model_that_was_blessed_before(toys: ModuleType, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project, warm=True))
    assert began(first) == ""
    (project / "rows.txt").write_text("another\nday\n")
    second = run_pipeline(toys.toy_pipeline(project, warm=True))
    assert began(second) == "rows 10, epochs 4"
    assert run_pipeline(toys.toy_pipeline(project, warm=True, epochs=5))["ToyTrainer"].reason == (
        "changed: parameter epochs, input champion"
    )


def test_an_unchanged_night_trains_nothing_however_often(toys: ModuleType, project: Path) -> None:
    """Though the newest blessed model is another one each time: its own."""
    for rows in ("first\n", "second\n"):
        (project / "rows.txt").write_text(rows)
        night = run_pipeline(toys.toy_pipeline(project, warm=True))
        assert night["ToyTrainer"].status == "executed"
        for _ in range(2):
            again = run_pipeline(toys.toy_pipeline(project, warm=True))
            assert {step.status for step in again.components} == {"cached"}
            assert again["ToyTrainer"].outputs["model"].uri == night["ToyTrainer"].outputs["model"].uri


def test_a_refused_model_is_nobodys_start(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project, warm=True))
    (project / "rows.txt").write_text("a bad night\n" * 3)
    refused = run_pipeline(toys.toy_pipeline(project, warm=True, severity="warning", accuracy=0.1))
    assert refused.status == "refused"
    (project / "rows.txt").write_text("a better one\n")
    assert began(run_pipeline(toys.toy_pipeline(project, warm=True))) == "rows 10, epochs 4"


def test_trained_again_without_cache_it_starts_where_it_did(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project, warm=True))
    (project / "rows.txt").write_text("second\n")
    second = run_pipeline(toys.toy_pipeline(project, warm=True))
    again = run_pipeline(toys.toy_pipeline(project, warm=True), use_cache=False)
    assert again["ToyTrainer"].status == "executed"
    assert began(again) == began(second) == "rows 10, epochs 4"


def test_what_it_reads_is_in_the_lineage(toys: ModuleType, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project, warm=True))
    (project / "rows.txt").write_text("second\n")
    second = run_pipeline(toys.toy_pipeline(project, warm=True))
    lineage = Lineage(project / ".trainworks" / "metadata.sqlite")
    trained = next(e for e in lineage.for_run(second.run_id) if e.node == "ToyTrainer")
    assert trained.inputs["champion"].uri == first["ToyTrainer"].outputs["model"].uri
    lineage.close()
