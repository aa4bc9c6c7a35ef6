"""`trainworks run`; whole pipelines are run by the tests of the recipes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_file_that_is_not_there(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("run", tmp_path / "none.yaml", "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "none.yaml" in result.stderr and "Traceback" not in result.stderr


def test_a_mistake_in_the_file_runs_and_writes_nothing(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text("name: x\nmodle: {family: lstm}\n")
    result = invoke("run", file)
    assert result.exit_code == 2
    assert "modle" in result.stderr and "model" in result.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_unknown_options_are_usage_errors(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    assert invoke("run", tmp_path / "x.yaml", "--cache").exit_code == 2
    assert invoke("run").exit_code == 2
