"""A pushed model, served, asked, and watched: the whole way through real processes."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from components.metrics.intervals import wilson
from pipeline.cli.main import trainworks
from schemas.artifacts import Examples
from schemas.tfrecords import read_records
from serving.protos import example_pb2
from tests.components.prediction_logs import predicted, write_log
from tests.pipeline.real.project import PIPELINE, ROWS, Project, make_project
from tests.serving.clients import Served, serve

MONITORING = {"logs": "requests/tickets/*", "trigger": True}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose model is pushed."""
    made = make_project(tmp_path_factory.mktemp("project") / "p", {**PIPELINE, "monitoring": MONITORING})
    finished = made.run()
    assert finished.exit_code == 0, finished.stderr
    return made


def _evaluated(project: Project) -> list[str]:
    """The texts that the model was judged on."""
    shards = Examples(project.output("ExampleGen", "examples")).shards("test")
    texts = []
    for shard in shards:
        with shard.open("rb") as file:
            for record in read_records(file):
                feature = example_pb2.Example.FromString(record).features.feature["text"]
                texts.append(feature.bytes_list.value[0].decode())
    return texts


def _ask(served: Served, texts: list[str]) -> list[str]:
    """The model's labels of texts, asked one by one."""
    answers = []
    for text in texts:
        answer = served.ask("POST", "/v1/models/tickets:predict", json.dumps({"instances": [text]}))
        assert answer.status == 200, answer.text
        answers.append(answer.json["predictions"][0]["label"])
    return answers


def _served(project: Project, tmp_path: Path, folder: str, texts: list[str]) -> list[str]:
    log = project.folder / folder
    arguments = ("--request_log", str(log), "--request_log_sampling_rate", "1.0")
    with serve(tmp_path / "serve.log", project.folder / "served" / "tickets", *arguments) as served:
        answers = _ask(served, texts)
        assert served.end() == 0
    return answers


def _rules(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Rules by name; of those with several verdicts the first."""
    return {rule["rule"]: rule for rule in reversed(told["rules"])}


@pytest.mark.slow
def test_requests_like_those_of_the_evaluation_are_no_drift(project: Project, tmp_path: Path) -> None:
    texts = _evaluated(project)
    _served(project, tmp_path, "ordinary", texts)
    finished = project.trainworks("monitor", "pipeline.yaml", "--logs", "ordinary/*/*", "--json")
    assert finished.exit_code == 0, finished.stderr
    (version,) = finished.told["requests"]
    assert finished.told["requests"] == {version: len(texts)}
    assert {rule["verdict"] for rule in finished.told["rules"]} == {"passed"}
    assert finished.told["requested_run"] is None
    label = next(d for d in finished.told["distances"] if d["quantity"] == "predicted label" and d["metric"] == "linf")
    score = next(d for d in finished.told["distances"] if d["quantity"] == "score" and d["metric"] == "psi")
    assert label["distance"] == pytest.approx(0.0, abs=1e-9)
    assert score["distance"] == pytest.approx(0.0, abs=0.05)


@pytest.mark.slow
def test_shifted_requests_are_refused_and_delayed_labels_tell_the_live_accuracy(
    project: Project, tmp_path: Path
) -> None:
    topic = ROWS[0][1]
    asked = [f"{text} {text} {text} {number}" for text, label in ROWS if label == topic for number in range(3)]
    answers = _served(project, tmp_path, "requests", asked)
    truths = [topic if number % 4 else "something else" for number in range(len(asked))][:60]
    with (project.folder / "feedback.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "truth"), *zip(asked, truths, strict=False), ("never asked", topic)])
    settings = {
        **MONITORING,
        "labels": {"files": "feedback.csv", "label": "truth"},
        "live_accuracy": {"at_least": 0.95},
    }
    (project.folder / "watched.yaml").write_text(yaml.safe_dump({**PIPELINE, "monitoring": settings}))

    metrics = project.folder / "metrics" / "trainworks.prom"
    finished = project.trainworks("monitor", "watched.yaml", "--metrics_file", metrics, "--json")
    assert finished.exit_code == 3, finished.stderr
    told, rules = finished.told, _rules(finished.told)
    (version,) = told["requests"]
    assert (told["status"], told["requests"][version]) == ("refused", len(asked))
    assert rules["skew_js"]["verdict"] == "failed"
    assert rules["skew_js"]["found"].startswith(f"version {version}: token length of `text` 0.")
    assert rules["prediction_linf"]["verdict"] == "failed"
    assert f"`{topic}`" in rules["prediction_linf"]["found"]
    assert "monitor: refused" in finished.stderr

    right = sum(answer == truth for answer, truth in zip(answers, truths, strict=False))
    low, high = wilson(right, 60, 0.95)
    (day,) = told["live_accuracy"]
    assert (day["answers"], day["labelled"], day["right"]) == (len(asked), 60, right)
    assert (day["accuracy"], day["low"], day["high"]) == pytest.approx((right / 60, low, high))
    assert rules["live_accuracy"]["verdict"] == "failed"
    assert told["notes"] == ["keys of labels that no logged answer has: 1"]

    families = {family.name: family for family in text_string_to_metric_families(metrics.read_text())}
    (accuracy,) = families["trainworks_monitor_live_accuracy"].samples
    assert (accuracy.labels, accuracy.value) == ({"pipeline": "tickets", "version": version}, pytest.approx(right / 60))
    assert families["trainworks_monitor_refused"].samples[0].value == 1
    curves = project.workspace / "tensorboard" / "tickets" / "monitor" / "versions" / version
    assert list(curves.glob("events.out.tfevents.*"))

    assert told["requested_run"] == 1
    runs = json.loads(project.trainworks("runs", "--json").stdout)["runs"]
    assert (runs[0]["run_id"], runs[0]["pipeline"], runs[0]["status"]) == (told["run_id"], "tickets.monitor", "refused")
    shown = json.loads(project.trainworks("show", told["run_id"], "--json").stdout)
    (step,) = shown["components"]
    assert step["verdict"]["refused"]
    assert list((project.workspace / "tmp").glob("*/*")) == []


@pytest.mark.slow
def test_a_look_that_is_killed_leaves_nothing_and_the_next_one_is_whole(project: Project) -> None:
    version, now = int(project.versions()[-1]), int(time.time())
    answers = [predicted([f"{text} {n}"], [label], version=version, time=now) for n, (text, label) in enumerate(ROWS)]
    write_log(project.folder / "killed" / "requests.tfrecord", answers)
    asked = ("monitor", "pipeline.yaml", "--logs", "killed/*", "--json")
    process, staged = project.start(*asked), project.workspace / "tmp" / "tickets.monitor"
    while not list(staged.glob("*/*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert list(staged.iterdir())
    finished = project.trainworks(*asked)
    assert finished.told["requests"] == {str(version): len(ROWS)}, finished.stderr
    assert list(staged.iterdir()) == []
    runs = json.loads(project.trainworks("runs", "--json").stdout)["runs"]
    ended = {"passed": "succeeded", "refused": "refused"}[finished.told["status"]]
    assert [run["status"] for run in runs[:2]] == [ended, "failed"]


def test_a_file_that_says_nothing_of_logs(tmp_path: Path) -> None:
    file = make_project(tmp_path / "p").folder / "pipeline.yaml"
    told = CliRunner().invoke(trainworks, ["monitor", str(file)])
    assert told.exit_code == 2
    assert "`monitoring.logs` must name the logs to look at; `--logs GLOB` does, too." in told.stderr
    told = CliRunner().invoke(trainworks, ["monitor", str(file), "--logs", "requests/*"])
    assert (told.exit_code, told.stdout) == (2, "")
    assert "where nothing matches" in told.stderr
    told = CliRunner().invoke(trainworks, ["monitor", str(file), "--logs", str(file), "--window", "a week"])
    assert told.exit_code == 2
    assert "`--window`: a period must be such as" in told.stderr
