"""`trainworks schedule`: the daemon as a process, with real runs, and what people ask and tell it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.real.project import PIPELINE, ROWS, Project, make_project
from tests.serving.clients import serve

MAIL = """\
name: mail
data: {format: csv, splits: {train: none.csv}, features: {text: body}, label: topic}
model: {family: linear}
schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}
"""
TRAINWORKS = Path(sys.executable).parent / "trainworks"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A pipeline file that is right, whose data is not there."""
    path = tmp_path / "mail.yaml"
    path.write_text(MAIL, encoding="utf-8")
    return path


@pytest.fixture
def daemon() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts daemons; those left over are killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        command = [str(TRAINWORKS), "schedule", *map(str, arguments)]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TZ": "UTC"}))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """The daemon's lines up to one that has these words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


def test_once_runs_what_was_asked_for_and_says_how_it_went(
    file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any]
) -> None:
    assert daemon(file, "--once").wait(60) == 0
    result = invoke("schedule", "--trigger", file, "--reason", "new data")
    assert (result.exit_code, result.stdout) == (0, "mail: asked for (request 1)\n")
    process = daemon(file, "--once")
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1, said
    assert "mail: run begins (request: new data)" in said
    assert re.search(r"mail: run \d{8}-\d{6}-\w+ failed after .*: ExampleGen failed: .*none\.csv", said)
    status = invoke("schedule", file, "--status")
    assert "failed" in status.stdout and "cron 0 3 * * *" in status.stdout
    assert re.search(r"mail: failed: ExampleGen failed: .*none\.csv", status.stdout)


def test_a_run_takes_no_code_from_the_folder_that_the_daemon_stands_in(
    file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "yaml.py").write_text("raise SystemExit('somebody else's code')", encoding="utf-8")
    monkeypatch.chdir(file.parent)
    daemon(file, "--once").wait(60)
    invoke("schedule", "--trigger", file)
    assert re.search(r"ExampleGen failed: .*none\.csv", daemon(file, "--once").communicate(timeout=120)[1])


def test_status_tells_the_next_fire_time_in_its_zone(
    file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any]
) -> None:
    daemon(file, "--once").wait(60)
    (told,) = json.loads(invoke("schedule", file, "--status", "--json").stdout)["pipelines"]
    upcoming = datetime.fromisoformat(told["next"])
    assert (upcoming.hour, upcoming.minute) == (3, 0)
    assert {name: told[name] for name in ("pipeline", "file", "starts", "paused", "running", "waiting", "last")} == {
        "pipeline": "mail",
        "file": str(file),
        "starts": "cron 0 3 * * *",
        "paused": False,
        "running": None,
        "waiting": 0,
        "last": None,
    }
    assert re.search(r"03:00:00 CES?T", invoke("schedule", file, "--status").stdout)


def test_pause_and_resume(file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any]) -> None:
    daemon(file, "--once").wait(60)
    assert invoke("schedule", "--pause", file).stdout == "mail: paused\n"
    (told,) = json.loads(invoke("schedule", file, "--status", "--json").stdout)["pipelines"]
    assert (told["paused"], told["next"]) == (True, None)
    assert invoke("schedule", file, "--resume", "mail").stdout == "mail: goes on\n"
    (told,) = json.loads(invoke("schedule", file, "--status", "--json").stdout)["pipelines"]
    assert told["paused"] is False


def test_a_name_that_is_empty_starts_no_daemon(
    file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any]
) -> None:
    daemon(file, "--once").wait(60)
    result = invoke("schedule", file, "--pause", "")
    assert (
        result.exit_code == 2 and "must be one that `trainworks schedule` has been started for: mail." in result.stderr
    )


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[list[str]]:
    """What a webhook is told; its address stands in the file `hook`."""
    told: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "hook").write_text(f"http://127.0.0.1:{server.server_address[1]}/secret")
        yield told
        server.shutdown()


def test_those_whom_the_file_names_are_told_how_a_run_ended(
    file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any], hook: list[str]
) -> None:
    file.write_text(f"{MAIL}notify: {{webhook: {{url_file: hook}}}}\n", encoding="utf-8")
    daemon(file, "--once").wait(60)
    invoke("schedule", "--trigger", file)
    daemon(file, "--once").wait(120)
    assert invoke("run", file, "--notify").exit_code == 2
    assert [text.splitlines()[0] for text in hook] == ["*mail: failed*"] * 2
    assert "started by request: by hand" in hook[0] and "none.csv" in hook[0]
    assert "started by" not in hook[1] and "none.csv" in hook[1]


@pytest.mark.slow
def test_a_refusal_is_told_with_its_numbers(tmp_path: Path, daemon: Callable[..., Any], hook: list[str]) -> None:
    settings = {
        **PIPELINE,
        "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.999}]},
        "schedule": {"every": "365d"},
        "notify": {"webhook": {"url_file": "../hook", "on": ["refused"]}},
    }
    project = make_project(tmp_path / "project", settings)
    daemon(project.folder / "pipeline.yaml", "--once").wait(60)
    assert project.trainworks("schedule", "--trigger", "tickets").exit_code == 0
    process = daemon(project.folder / "pipeline.yaml", "--once")
    assert (process.wait(300), len(hook)) == (3, 1)
    assert hook[0].startswith("*tickets: refused by Evaluator*\n")
    found = re.search(r"Evaluator: .*expected .*0\.999.*, found .*0\.\d+", hook[0])
    assert found, hook[0]
    assert project.versions() == []


def test_a_run_that_is_to_notify_nobody(file: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("run", file, "--notify")
    assert result.exit_code == 2
    assert "`notify` is required in the pipeline file for `--notify`" in result.stderr


def test_a_daemon_imports_neither_tensorflow_nor_beam(file: Path) -> None:
    code = (
        "import sys; from pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "sys.exit(', '.join({'tensorflow', 'keras', 'apache_beam', 'pandas'} & set(sys.modules)) or code)"
    )
    command = [sys.executable, "-c", code, "schedule", str(file), "--once"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"mail: cron 0 3 \* \* \*; next \S+ 03:00:00 CES?T\n$", done.stderr)


def test_a_run_that_cannot_write_its_lineage_is_no_failed_one(file: Path, invoke: Callable[..., Any]) -> None:
    assert "again" not in json.loads(invoke("run", file, "--json").stdout.splitlines()[-1])
    database = file.parent / ".trainworks" / "metadata.sqlite"
    database.write_text("no database" * 100)
    assert json.loads(invoke("run", file, "--json").stdout.splitlines()[-1])["again"] is True


def test_sigterm_ends_a_daemon_that_is_at_rest(file: Path, daemon: Callable[..., Any]) -> None:
    file.write_text(MAIL.replace('cron: "0 3 * * *", timezone: Europe/Berlin', "every: 1s"), encoding="utf-8")
    process = daemon(file, "--grace", "60")
    read_until(process, "failed after")
    process.send_signal(signal.SIGTERM)
    assert "Ending" in process.communicate(timeout=60)[1]
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "`FILE...` must name a pipeline file"),
        (("--status", "--pause", "mail"), "Only one of"),
        (("--reason", "x"), "`--reason` must go along with `--trigger`"),
        (("--pause", "mail"), "`--workspace` must be a folder in which a pipeline has run"),
    ],
)
def test_commands_that_mean_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Callable[..., Any],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("schedule", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr and "Traceback" not in result.stderr


def test_a_pipeline_that_nobody_schedules(file: Path, daemon: Callable[..., Any], invoke: Callable[..., Any]) -> None:
    daemon(file, "--once").wait(60)
    result = invoke("schedule", file, "--trigger", "male")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: The pipeline must be one that `trainworks schedule` has been started for: mail. Received: male\n",
    )


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("", "`schedule` is required for `trainworks schedule`, such as"),
        ('schedule: {cron: "0 25 * * *"}', "4: `schedule.cron` is wrong: field 2, the hour, must be 0 to 23"),
    ],
)
def test_a_file_that_cannot_be_scheduled(file: Path, invoke: Callable[..., Any], schedule: str, words: str) -> None:
    file.write_text("".join(MAIL.splitlines(keepends=True)[:3]) + schedule, encoding="utf-8")
    result = invoke("schedule", file)
    assert result.exit_code == 2
    assert words in result.stderr


def test_two_files_of_one_name(file: Path, invoke: Callable[..., Any]) -> None:
    other = file.with_name("other.yaml")
    other.write_text(MAIL, encoding="utf-8")
    result = invoke("schedule", file, other)
    assert result.exit_code == 2
    assert "Pipelines of one lineage must have different names. Received twice: mail" in result.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    settings = {**PIPELINE, "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.3}]}}
    return make_project(tmp_path / "project", {**settings, "schedule": {"every": "365d"}})


def wait_until_in_the_middle(process: "subprocess.Popen[str]", project: Project) -> None:
    """Until the daemon's run has statistics, and goes on."""
    read_until(process, "run begins")
    while not list((project.workspace / "artifacts" / "tickets").glob("StatisticsGen/*/*")):
        assert process.poll() is None


@pytest.mark.slow
def test_a_daemon_that_is_killed_in_training_is_replaced_and_the_model_is_pushed_once(
    project: Project, daemon: Callable[..., Any]
) -> None:
    file = project.folder / "pipeline.yaml"
    daemon(file, "--once").wait(60)
    assert project.trainworks("schedule", "--trigger", "pipeline.yaml").exit_code == 0
    first = daemon(file, "--lease", "3")
    wait_until_in_the_middle(first, project)
    second = daemon(file, "--lease", "3")
    first.kill()
    said = read_until(second, "succeeded after")
    assert "run begins (request: by hand) (start 2)" in said
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    assert len(project.versions()) == 1
    runs = json.loads(project.trainworks("runs", "--json").stdout)["runs"]
    assert [run["status"] for run in runs] == ["succeeded", "failed"]


@pytest.mark.slow
def test_sigterm_hands_a_run_over_after_its_grace(project: Project, daemon: Callable[..., Any]) -> None:
    file = project.folder / "pipeline.yaml"
    daemon(file, "--once").wait(60)
    assert project.trainworks("schedule", "--trigger", "tickets").exit_code == 0
    first = daemon(file, "--grace", "0")
    wait_until_in_the_middle(first, project)
    first.send_signal(signal.SIGTERM)
    assert "it will be taken up again" in first.communicate(timeout=60)[1]
    assert first.returncode == 0
    second = daemon(file, "--once")
    said = second.communicate(timeout=300)[1]
    assert second.returncode == 0, said
    assert "(start 2)" in said
    runs = json.loads(project.trainworks("runs", "--json").stdout)["runs"]
    assert [run["status"] for run in runs] == ["succeeded", "canceled"]


@pytest.mark.slow
def test_drift_starts_a_run(tmp_path: Path, daemon: Callable[..., Any]) -> None:
    settings = {
        **PIPELINE,
        "monitoring": {"logs": "requests/tickets/*"},
        "schedule": {"on_drift": "3s"},
    }
    project = make_project(tmp_path / "project", settings)
    assert project.run().exit_code == 0
    arguments = ("--request_log", str(project.folder / "requests"), "--request_log_sampling_rate", "1.0")
    with serve(tmp_path / "serve.log", project.folder / "served" / "tickets", *arguments) as served:
        for number in range(150):
            body = json.dumps({"instances": [f"{ROWS[0][0]} {ROWS[0][0]} {number}"]})
            assert served.ask("POST", "/v1/models/tickets:predict", body).status == 200
        assert served.end() == 0
    process = daemon(project.folder / "pipeline.yaml", "--grace", "120")
    said = read_until(process, "tickets: run begins")
    assert re.search(r"tickets/monitor: run \S+ refused after .*: .*skew_", said)
    assert re.search(r"tickets: run begins \(drift: monitor \S+: .*skew_", said)
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0
