"""Runs over growing spans: what is read, from cache or anew, and what the commands tell of it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.example_gen import ExampleGen
from pipeline.pipeline import Pipeline
from pipeline.result import RunResult
from pipeline.runner import run_pipeline
from schemas.config import DataConfig

DATA = {
    "format": "csv",
    "splits": {name: f"data/{{YYYY}}-{{MM}}-{{DD}}/v{{VERSION}}/{name}.csv" for name in ("train", "eval")},
    "features": {"text": "text"},
    "label": "label",
}


def write(base: Path, day: str, version: int, seconds: float = 3600) -> None:
    """A span, whose files are so many seconds old."""
    folder = base / "data" / day / f"v{version}"
    folder.mkdir(parents=True)
    for name in ("train", "eval"):
        path = folder / f"{name}.csv"
        path.write_text("label,text\n" + "".join(f"{'ab'[i % 2]},{day} {version} {name} {i}\n" for i in range(4)))
        os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunResult]:
    """Runs ExampleGen as a pipeline of its own."""
    monkeypatch.chdir(tmp_path)

    def run(**spans: Any) -> RunResult:
        data = DataConfig.model_validate({**DATA, "spans": spans})
        return run_pipeline(Pipeline("mail", [ExampleGen(data=data, task="classification")]))

    return run


def names(result: RunResult) -> list[str]:
    return [str(span) for span in result.spans]


def test_a_run_repeats_when_a_span_comes_and_only_then(
    tmp_path: Path,
    night: Callable[..., RunResult],
    capfd: pytest.CaptureFixture[str],
    told: Callable[..., dict[str, Any]],
    invoke: Callable[..., Any],
) -> None:
    write(tmp_path, "2026-11-23", 1)
    write(tmp_path, "2026-11-24", 1)
    first, again = night(), night()
    assert [run.components[0].status for run in (first, again)] == ["executed", "cached"]
    assert names(again) == ["2026-11-23 version 1", "2026-11-24 version 1"]

    write(tmp_path, "2026-11-25", 1, seconds=5)
    capfd.readouterr()
    waiting = night()
    assert waiting.components[0].status == "cached"
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "left for the next run" in line)
    assert line.startswith(
        "warning: ExampleGen: left for the next run, still being written: span 2026-11-25 version 1 (changed "
    )

    for path in (tmp_path / "data" / "2026-11-25" / "v1").iterdir():
        os.utime(path, (time.time() - 61,) * 2)
    third = night()
    assert third.components[0].status == "executed"
    assert third.components[0].reason == ("changed: data/2026-11-25/v1/eval.csv, data/2026-11-25/v1/train.csv")
    write(tmp_path, "2026-11-23", 2)
    fourth = night()
    assert names(fourth) == ["2026-11-23 version 2", "2026-11-24 version 1", "2026-11-25 version 1"]
    assert fourth.components[0].outputs["examples"].properties["span"] == 20782

    listed = told("runs")["runs"]
    assert [[span["name"] for span in run["spans"]] for run in reversed(listed)] == [
        ["2026-11-23", "2026-11-24"],
        ["2026-11-23", "2026-11-24"],
        ["2026-11-23", "2026-11-24"],
        ["2026-11-23", "2026-11-24", "2026-11-25"],
        ["2026-11-23", "2026-11-24", "2026-11-25"],
    ]
    assert told("show", first.run_id)["spans"] == [
        {"span": 20780, "version": 1, "name": "2026-11-23"},
        {"span": 20781, "version": 1, "name": "2026-11-24"},
    ]
    shown = invoke("show", "latest").stdout.splitlines()
    assert "spans     2026-11-23 version 2, 2026-11-24 to 2026-11-25 version 1" in shown
    assert (
        "  spans: 2026-11-23 version 2, 2026-11-24 to 2026-11-25 version 1"
        in invoke("lineage", "3").stdout.splitlines()
    )
    assert invoke("runs").stdout.splitlines()[1].split()[-1] == "span"


def test_a_span_that_goes_is_not_read_again(tmp_path: Path, night: Callable[..., RunResult]) -> None:
    for day in ("2026-11-23", "2026-11-24"):
        write(tmp_path, day, 1)
    assert len(night().spans) == 2
    (tmp_path / "data" / "2026-11-23").rename(tmp_path / "archived")
    after = night()
    assert names(after) == ["2026-11-24 version 1"]
    assert after.components[0].reason == "changed: data/2026-11-23/v1/eval.csv, data/2026-11-23/v1/train.csv"
