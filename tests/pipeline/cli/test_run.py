"""`trainworks run`; whole pipelines are run by the tests of the recipes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.workspace import Workspace

PIPELINE = """\
name: mail
data: {format: csv, splits: {train: none.csv}, features: {text: body}, label: topic}
model: {family: linear}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A pipeline file that is right, whose data is not there."""
    path = tmp_path / "mail.yaml"
    path.write_text(PIPELINE, encoding="utf-8")
    return path


def assert_no_run(result: Any, words: str, **more: object) -> None:
    """What `--json` promises where there was no run."""
    told = json.loads(result.stdout)
    assert words in told.pop("error")
    assert words in result.stderr and "Traceback" not in result.stderr
    assert told == {
        "run_id": None,
        "status": "failed",
        "blessed": None,
        "pushed_version": None,
        "pushed_path": None,
        "metrics": {},
        "spans": [],
        "components": [],
        **more,
    }


def test_a_file_that_is_not_there(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("run", tmp_path / "none.yaml", "--json")
    assert result.exit_code == 2
    assert_no_run(result, "none.yaml")


def test_a_mistake_in_the_file_runs_and_writes_nothing(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text("name: x\nmodle: {family: lstm}\n")
    result = invoke("run", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "modle" in result.stderr and "model" in result.stderr
    assert list(tmp_path.iterdir()) == [file]
    assert_no_run(invoke("run", file, "--json"), "modle")


def test_a_workspace_that_is_busy(file: Path, invoke: Callable[..., Any]) -> None:
    with Workspace(file.parent / ".trainworks").lock("mail"):
        result = invoke("run", file, "--json")
    assert result.exit_code == 1
    assert_no_run(result, "Pipeline `mail` is already running in", again=True)


def test_lineage_goes_where_the_option_says(
    file: Path, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    url = f"sqlite:///{file.parent}/shared.sqlite"
    result = invoke("run", file, "--lineage", url, "--json")
    run = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, run["components"][0]["status"]) == (2, "failed")
    assert [(r["run_id"], r["status"]) for r in told("runs", "--lineage", url)["runs"]] == [(run["run_id"], "failed")]


def test_unknown_options_are_usage_errors(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    assert invoke("run", tmp_path / "x.yaml", "--cache").exit_code == 2
    assert invoke("run").exit_code == 2
