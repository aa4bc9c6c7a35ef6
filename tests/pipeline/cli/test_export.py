"""`trainworks export`: where it writes, and what is wrong; what it writes is tested with each orchestrator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """\
name: mail
data: {format: csv, splits: {train: mail.csv}, features: {text: body}, label: topic}
model: {family: linear}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail.yaml"
    path.write_text(PIPELINE)
    return path


def test_it_writes_to_a_file_what_it_else_prints(file: Path, invoke: Callable[..., Any]) -> None:
    printed = invoke("export", "airflow", file)
    written = invoke("export", "airflow", file, "--out", file.parent / "mail.py")
    assert (written.exit_code, written.stdout) == (0, "")
    assert f"written: {file.parent / 'mail.py'}" in written.stderr
    assert (file.parent / "mail.py").read_text(encoding="utf-8") == printed.stdout


def test_a_wrong_file_writes_nothing(file: Path, invoke: Callable[..., Any]) -> None:
    file.write_text(PIPELINE.replace("family: linear", "family: liner"))
    for kind in (("airflow",), ("kubeflow", "--image", "i"), ("cronjob", "--image", "i"), ("systemd",)):
        result = invoke("export", kind[0], file, *kind[1:], "--out", file.parent / "out")
        assert result.exit_code == 2, result.output
        assert "liner" in result.stderr and "linear" in result.stderr
    assert not (file.parent / "out").exists()


def test_a_folder_that_is_not_there_is_not_made(file: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("export", "systemd", file, "--out", file.parent / "none" / "unit")
    assert result.exit_code == 2
    assert "`--out` must be a file in a folder that is there. Received:" in result.stderr
    assert not (file.parent / "none").exists()


def test_a_container_needs_an_image(file: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("export", "kubeflow", file)
    assert result.exit_code == 2 and "Missing option '--image'" in result.stderr


def test_what_starts_nothing_there_is_said(file: Path, invoke: Callable[..., Any]) -> None:
    schedule = "schedule={cron: '0 3 * * *', on_drift: 1h}"
    result = invoke("export", "airflow", file, "--set", schedule, "--set", "monitoring={logs: requests/*}")
    assert result.exit_code == 0
    assert "warning: `schedule.on_drift` starts nothing there: only `trainworks schedule` looks for it" in result.stderr
