"""`trainworks runs`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def test_runs_are_listed_newest_first(
    toys: ModuleType, project: Path, ran: Any, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    second = toys.toy_pipeline(project, accuracy=0.1).run()
    listed = told("runs")["runs"]
    assert [run["run_id"] for run in listed] == [second.run_id, ran.run_id]
    assert [run["status"] for run in listed] == ["refused", "succeeded"]
    assert listed[0]["pipeline"] == "toy" and listed[0]["seconds"] > 0
    assert [run["run_id"] for run in told("runs", "--limit", "1")["runs"]] == [second.run_id]
    rows = [line.split() for line in invoke("runs").stdout.splitlines() if line.strip()]
    assert rows[0] == ["run", "pipeline", "status", "started", "took"]
    assert rows[2][:3] == [second.run_id, "toy", "refused"]


def test_the_table_fits_eighty_columns(ran: Any, invoke: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, invoke("runs").stdout.splitlines())) <= 80
