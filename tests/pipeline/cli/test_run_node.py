"""`trainworks run-node`; real pipelines are run step by step by the tests of the exports."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIPELINE = """\
name: mail
data: {format: csv, splits: {train: mail.csv}, features: {text: body}, label: topic}
model: {family: linear}
"""


def test_a_step_of_a_file(tmp_path: Path, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "mail.yaml").write_text(PIPELINE)
    (tmp_path / "mail.csv").write_text("body,topic\n" + "".join(f"letter {i},{i % 2}\n" for i in range(40)))
    step = told("run-node", tmp_path / "mail.yaml", "ExampleGen", "--run-id", "manual__2026-11-25T19:01:22")
    assert step["run_id"].startswith("manual__2026-11-25T19-01-22-")
    assert (step["status"], [c["name"] for c in step["components"]]) == ("succeeded", ["ExampleGen"])
    shown = told("show", step["run_id"], "--workspace", tmp_path / ".trainworks")
    assert (shown["status"], shown["file"]) == ("running", str(tmp_path / "mail.yaml"))
    early = invoke("run-node", tmp_path / "mail.yaml", "Trainer", "--run-id", "manual__2026-11-25T19:01:22", "--json")
    assert early.exit_code == 2
    assert "Run `trainworks run-node FILE ExampleValidator` first" in json.loads(early.stdout)["error"]


def test_what_is_missing_is_said(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    (tmp_path / "mail.yaml").write_text(PIPELINE)
    unknown = invoke("run-node", tmp_path / "mail.yaml", "Examples", "--run-id", "1")
    assert unknown.exit_code == 2
    assert "`NODE` must name a step: ExampleGen, StatisticsGen" in unknown.stderr
    assert "Received: Examples" in unknown.stderr
    assert invoke("run-node", tmp_path / "mail.yaml", "ExampleGen").exit_code == 2
