"""The DAG file: right Python whatever names hold, and, in Airflow itself, a run from the raw file to a pushed model."""

import ast
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from pipeline.lineage.store import Lineage
from tests.pipeline.real.project import PIPELINE, STEPS, TRAINWORKS, Finished, Project, make_project


def calls(dag: str) -> dict[str, ast.Call]:
    """The calls of `step` in the DAG, by the name of the step."""
    found = [node for node in ast.walk(ast.parse(dag)) if isinstance(node, ast.Call)]
    return {
        node.args[0].value: node  # type: ignore[attr-defined, misc]
        for node in found
        if isinstance(node.func, ast.Name) and node.func.id == "step"
    }


def options(call: ast.Call) -> dict[str, str]:
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in call.keywords}


def the_dag(source: str) -> ast.Call:
    (found,) = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DAG"
    )
    return found


def test_a_task_calls_its_step_by_words_that_a_shell_reads_back(file: Path, export: Callable[..., str]) -> None:
    overrides = "training={epochs: 2, seed: 7}"
    steps = calls(export("airflow", file, "--program", "/opt/it's/trainworks", "--set", overrides))
    assert tuple(steps) == STEPS
    for name, call in steps.items():
        command = ast.literal_eval(call.args[1])
        *words, run_id = shlex.split(command.removeprefix("exec "))
        assert words == ["/opt/it's/trainworks", "run-node", str(file), name, "--set", overrides, "--run-id"]
        assert (run_id, command[-21:]) == ("$TRAINWORKS_RUN_ID", ' "$TRAINWORKS_RUN_ID"')


def test_tries_limits_and_times_are_those_of_the_file(file: Path, export: Callable[..., str]) -> None:
    source = export("airflow", file)
    dag = options(the_dag(source))
    assert dag["schedule"] == "CronTriggerTimetable('0 3 * * 1-5', timezone='Europe/Berlin')"
    assert (dag["dag_id"], dag["catchup"], dag["max_active_runs"]) == ("'mail'", "False", "1")
    usual = ast.unparse(ast.parse(dag["default_args"]))
    assert "'retries': 2, 'retry_delay': timedelta(seconds=10), 'retry_exponential_backoff': 2" in usual
    steps = calls(source)
    assert options(steps["Trainer"]) == {
        "retries": "4",
        "retry_exponential_backoff": "0",
        "execution_timeout": "timedelta(seconds=10860)",
    }
    assert options(steps["Pusher"]) == {}


def test_a_period_and_no_schedule(file: Path, export: Callable[..., str]) -> None:
    weekly = export("airflow", file, "--set", "schedule={every: 7d}")
    assert options(the_dag(weekly))["schedule"] == "DeltaTriggerTimetable(timedelta(seconds=604800))"
    by_hand = export("airflow", file, "--set", "schedule=null")
    assert options(the_dag(by_hand))["schedule"] == "None"
    assert "from airflow.sdk import DAG\n" in by_hand


def test_it_imports_airflow_and_nothing_else(file: Path, export: Callable[..., str]) -> None:
    imported = [n.module for n in ast.walk(ast.parse(export("airflow", file))) if isinstance(n, ast.ImportFrom)]
    assert {str(module).split(".")[0] for module in imported} == {"datetime", "airflow"}


class Airflow:
    """Airflow in an environment of its own, with one DAG."""

    def __init__(self, programs: Path, home: Path, project: Project) -> None:
        self._airflow, self._project = programs / "airflow", project
        self._dags = home / "dags"
        self._dags.mkdir(parents=True)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__API__BASE_URL": "http://127.0.0.1:8080",
        }
        self.call("db", "migrate")

    def call(self, *arguments: str, meanwhile: Callable[[], None] = lambda: None) -> Finished:
        command, log = [self._airflow, *arguments], self._dags.parent / "said.log"
        with (
            log.open("wb") as said_to,
            subprocess.Popen(command, env=self._environment, stdout=said_to, stderr=subprocess.STDOUT) as done,
        ):
            try:
                meanwhile()
                done.wait(timeout=500)
            finally:
                done.kill()
        said = log.read_text(encoding="utf-8", errors="replace")
        assert "Broken Dag" not in said
        return Finished(done.returncode, said, "")

    def test(self, *settings: str, meanwhile: Callable[[], None] = lambda: None) -> Finished:
        """Exports the pipeline and runs the DAG."""
        exported = self._project.trainworks(
            "export", "airflow", "pipeline.yaml", "--program", TRAINWORKS, "--out", self._dags / "tickets.py", *settings
        )
        assert exported.exit_code == 0, exported.stderr
        return self.call("dags", "test", "tickets", meanwhile=meanwhile)


def kill_step(project: Project, node: str) -> None:
    """Kills the process of a step once lineage knows that it runs."""
    with closing(Lineage(project.workspace / "metadata.sqlite")) as lineage:
        while True:
            runs = lineage.runs(1)
            steps = lineage.for_run(runs[0].run_id) if runs else []
            if any((step.node, step.state) == (node, "running") for step in steps):
                break
            time.sleep(0.05)
    words = [b"run-node", os.fsencode(project.folder / "pipeline.yaml"), node.encode()]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().split(b"\0")[2:5] == words:
                os.kill(int(process.name), signal.SIGKILL)
                return
    raise AssertionError(f"{node} runs, and no process of it was found")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    settings = {**PIPELINE, "steps": {"default": {"retries": 2, "backoff_seconds": 1}}}
    return make_project(tmp_path / "a project", settings)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_airflow_runs_it_to_a_pushed_model_then_from_cache_and_fails_where_a_gate_refuses(
    installed: Callable[[str], Path], tmp_path: Path, project: Project
) -> None:
    """In the first run the training is killed once: Airflow tries it again, in the same run."""
    airflow = Airflow(installed("airflow"), tmp_path / "airflow", project)

    def newest() -> dict[str, Any]:
        return project.trainworks("show", "latest", "--json").told

    def steps(run: dict[str, Any]) -> list[tuple[str, str]]:
        return [(step["name"], step["status"]) for step in run["components"]]

    project.workspace.mkdir()
    first = airflow.test(meanwhile=lambda: kill_step(project, "Trainer"))
    assert first.exit_code == 0, first.stdout
    run = newest()
    assert run["run_id"].startswith("tickets.manual__")
    tries = [(name, "executed") for name in STEPS]
    tries.insert(STEPS.index("Trainer"), ("Trainer", "failed"))
    assert (run["status"], steps(run)) == ("succeeded", tries)
    pushed = project.versions()
    assert len(pushed) == 1

    airflow.test()
    again = newest()
    assert again["run_id"] != run["run_id"]
    assert (again["status"], steps(again)) == ("succeeded", [(name, "cached") for name in STEPS])
    assert project.versions() == pushed

    refused = airflow.test("--set", "evaluation.require=[{metric: accuracy, at_least: 1.01}]")
    run = newest()
    assert (run["status"], steps(run)[-1]) == ("refused", ("Evaluator", "executed"))
    assert len(steps(run)) == STEPS.index("Evaluator") + 1  # one try, and nothing after it
    assert "state=failed" in refused.stdout
    assert refused.exit_code != 0
