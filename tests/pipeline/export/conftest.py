"""A pipeline file to export, and environments of other software."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli.main import trainworks

PIPELINE = """\
name: mail
data: {format: csv, splits: {train: mail.csv}, features: {text: body}, label: topic}
model: {family: linear}
push: {directory: served}
schedule: {cron: "0 3 * * 1-5", timezone: Europe/Berlin}
steps: {default: {retries: 2}, Trainer: {retries: 4, backoff_factor: 1, timeout_seconds: 7200}}
"""
SOFTWARE = {"airflow": ("apache-airflow==3.3.2",), "kfp": ("kfp==2.17.0", "kfp-kubernetes==2.17.0")}
"""What does not go together with ours, by the name of its environment."""
UNREACHABLE = ("NewConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "Name or service not known")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A pipeline file in a folder whose name needs care."""
    folder = tmp_path / "it's 100% {{ mail }} $HOME"
    folder.mkdir()
    (folder / "mail.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder / "mail.yaml"


@pytest.fixture
def export() -> Callable[..., str]:
    """What `trainworks export` writes on standard output."""

    def export(*arguments: object) -> str:
        result = CliRunner().invoke(trainworks, ["export", *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.stdout

    return export


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an environment with some software, once, and gives its folder of programs.

    An environment that is there already is named by a variable, such as TRAINWORKS_TEST_AIRFLOW.
    """

    @cache
    def installed(name: str) -> Path:
        given = os.environ.get(f"TRAINWORKS_TEST_{name.upper()}")
        folder = Path(given) if given else tmp_path_factory.mktemp(name)
        if not given:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            command: list[Any] = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            made = subprocess.run([*command, *SOFTWARE[name]], capture_output=True, text=True, check=False)
            if made.returncode and any(sign in made.stderr for sign in UNREACHABLE):
                pytest.skip(f"no package registry can be reached for {name}")
            assert made.returncode == 0, made.stderr
        return folder / "bin"

    return installed
