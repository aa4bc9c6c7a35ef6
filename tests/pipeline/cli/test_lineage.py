"""`trainworks lineage`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.runner import run_pipeline


def test_a_pushed_model_is_followed_up_to_the_raw_files(
    ran: Any, project: Path, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    found = told("lineage", "served/1/saved_model.pb")
    assert (found["type"], found["step"], found["run_id"]) == ("PushedModel", "ToyPusher", ran.run_id)
    assert {a["type"] for a in found["made_from"]} == {"Model", "ModelBlessing", "Examples"}
    assert found["raw_files"] == [str(project / "rows.txt")]
    text = invoke("lineage", "served/1").stdout
    assert "PushedModel  served/1" in text
    assert f"made by ToyPusher in run {ran.run_id}" in text
    assert "raw files\n  rows.txt\n" in text


def test_examples_are_followed_to_what_was_made_of_them(
    toys: ModuleType, project: Path, ran: Any, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    found = told("lineage", "1")
    assert (found["id"], found["type"], found["made_from"]) == (1, "Examples", [])
    assert {a["type"] for a in found["made_into"]} == {
        "Schema",
        "ExampleAnomalies",
        "Model",
        "ModelRun",
        "ModelEvaluation",
        "ModelBlessing",
        "PushedModel",
    }
    assert told("lineage", "#1") == found
    run_pipeline(toys.toy_pipeline(project))
    assert told("lineage", "1") == found, "what a cached run took again was made before"
    assert "split_names" in invoke("lineage", "1").stdout


def test_an_unknown_artifact_is_said_to_be_unknown(ran: Any, invoke: Callable[..., Any]) -> None:
    for reference in ("99", "/etc", "nowhere"):
        result = invoke("lineage", reference)
        assert result.exit_code == 2
        assert f"Received: {reference}" in result.stderr


def test_a_number_beyond_all_artifacts(ran: Any, invoke: Callable[..., Any]) -> None:
    result = invoke("lineage", "99999999999999999999")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: `ARTIFACT` must be an artifact's number")


def test_lineage_in_another_database_is_read_by_its_url(
    toys: ModuleType, project: Path, monkeypatch: Any, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    url = f"sqlite:///{project}/shared.sqlite"
    run = toys.toy_pipeline(project).run(lineage=url)
    monkeypatch.chdir(project)
    assert told("runs", "--lineage", url)["runs"][0]["run_id"] == run.run_id
    assert told("lineage", "served/1", "--lineage", url)["run_id"] == run.run_id
    asked = invoke("runs")
    assert asked.exit_code == 2
    assert f"`--lineage` must be given: the lineage of .trainworks is in {url}." in asked.stderr
    monkeypatch.setenv("TRAINWORKS_LINEAGE", url)
    assert told("show", "latest")["run_id"] == run.run_id
    assert f"run       {run.run_id}" in invoke("show", "latest", "--workspace", project / "none").stdout
    assert not (project / "none").exists()


def test_reading_makes_no_database(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("runs", "--lineage", f"sqlite:///{tmp_path}/none.sqlite")
    assert result.exit_code == 2
    assert f"must be a database that runs have written to. Received: sqlite:///{tmp_path}/none.sqlite" in result.stderr
    assert list(tmp_path.iterdir()) == []
