"""The command line as a whole."""

import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.main import COMMANDS, trainworks


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from pipeline.cli import main; sys.argv = ['trainworks', '--help']\n"
        "try: main()\n"
        "finally: print(sorted(m for m in sys.modules if m.split('.')[0] in"
        " ('pydantic', 'rich', 'sqlalchemy', 'tensorflow', 'components') or m.startswith('pipeline.cli.')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "['pipeline.cli.main']"
    for name in COMMANDS:
        assert f"\n  {name} " in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(trainworks, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.stdout


def test_version() -> None:
    result = CliRunner().invoke(trainworks, ["--version"])
    assert result.stdout == f"trainworks {version('trainworks')}\n"


def test_a_mistyped_command_is_guessed() -> None:
    result = CliRunner().invoke(trainworks, ["lineag"])
    assert result.exit_code == 2
    assert "No such command `lineag`. Did you mean `lineage`?" in result.stderr


def test_an_error_of_ours_is_one_message_and_its_exit_code() -> None:
    result = CliRunner().invoke(trainworks, ["runs", "--workspace", "/nowhere"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: `--workspace` must be a folder in which a pipeline has run.")
    assert result.stdout == ""


def test_an_exception_that_nobody_foresaw_is_one_line_and_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = """\
from pydantic import field_validator
from models.family import Family, Hyperparameters

class Settings(Hyperparameters):
    units: int = 8

    @field_validator("units")
    @classmethod
    def check(cls, units): return {}["units"]

class Own(Family):
    Config = Settings
    def analyzers(self): return []
    def preprocess(self, facts): raise NotImplementedError
    def network(self, facts, outputs): raise NotImplementedError
"""
    (tmp_path / "unforeseen_family.py").write_text(own, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: p\ndata: {format: csv, splits: {train: a.csv}, features: {text: a}, label: b}\n"
        "model: {family: 'unforeseen_family:Own', units: 3}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(trainworks, ["run", str(file)])
    (log,) = tmp_path.glob("trainworks-*.log")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: unexpectedly, KeyError: 'units' (the traceback: {log})\n"
    assert log.read_text().startswith("Traceback (most recent call last):\n")
    assert log.read_text().endswith("KeyError: 'units'\n")
