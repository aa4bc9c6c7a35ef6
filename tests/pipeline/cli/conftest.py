"""A workspace in which small pipelines have run."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import trainworks
from tests.pipeline.release.conftest import digests

__all__ = ["digests"]


@pytest.fixture
def ran(toys: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The result of a run; the current folder is its project's."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("COLUMNS", raising=False)
    return toys.toy_pipeline(project).run()


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Calls the command line."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(trainworks, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def told(invoke: Callable[..., Result]) -> Callable[..., dict[str, Any]]:
    """Calls the command line and reads its JSON object."""

    def call(*arguments: object) -> dict[str, Any]:
        result = invoke(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout.splitlines()[-1]))

    return call
