"""The command line as a whole."""

import subprocess
import sys
from importlib.metadata import version

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
