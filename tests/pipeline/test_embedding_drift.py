"""Texts by the champion's vectors: between nights, and between requests and training, through real processes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.real.project import DATA, PIPELINE, ROWS, Finished, Project, as_csv, make_project
from tests.serving.clients import serve

pytestmark = pytest.mark.slow

SETTINGS = {
    **PIPELINE,
    "validation": {"label_shift": {"at_most": 0.4}, "embedding_drift": {}},
    "model": {"family": "lstm", "embedding_dim": 16, "units": 8, "sequence_length": 20},
    "training": {"epochs": 30, "batch_size": 16, "learning_rate": 0.01},
    "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.1}]},
    "monitoring": {"logs": "requests/tickets/*", "embedding_drift": {"severity": "error"}},
}
TOPIC = ROWS[0][1]


def _verdict(project: Project, finished: Finished) -> dict[str, Any]:
    """What a run said of drift by vectors."""
    shown = json.loads(project.trainworks("show", finished.told["run_id"], "--json").stdout)
    rules = next(step for step in shown["components"] if step["name"] == "ExampleValidator")["verdict"]["rules"]
    return next(dict(rule) for rule in rules if rule["rule"] == "embedding_drift")


def test_nights_and_requests(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", SETTINGS)
    first = project.run()
    assert first.exit_code == 0, first.stderr
    assert _verdict(project, first)["expected"].endswith("skipped: no data has passed before")
    again = project.run()
    assert set(again.fates.values()) == {"cached"}

    rows = [row for row in ROWS if row[1] == TOPIC] * 4 + [row for row in ROWS if row[1] != TOPIC][:60]
    (project.folder / DATA).write_bytes(as_csv((f"{text} {n}", label) for n, (text, label) in enumerate(rows)))
    drifted = project.run()
    assert drifted.exit_code == 0, drifted.stderr
    verdict = _verdict(project, drifted)
    assert (verdict["verdict"], verdict["severity"]) == ("failed", "warning")
    assert verdict["found"].startswith("train: vectors 0.")
    assert "ExampleValidator: embedding_drift: expected energy distance" in drifted.stderr
    again = project.run()
    assert set(again.fates.values()) == {"cached"}, again.stderr

    versions = project.folder / "served" / "tickets"
    arguments = ("--request_log", str(project.folder / "requests"), "--request_log_sampling_rate", "1.0")
    with serve(tmp_path / "serve.log", versions, *arguments) as served:
        body = json.dumps({"instances": [text for text, label in ROWS if label != TOPIC]})
        assert served.ask("POST", "/v1/models/tickets:predict", body).status == 200
        assert served.end() == 0
    told = project.trainworks("monitor", "pipeline.yaml", "--json")
    assert told.exit_code == 3, told.stderr
    rule = next(rule for rule in told.told["rules"] if rule["rule"] == "embedding_drift")
    assert (rule["verdict"], rule["severity"]) == ("failed", "error")
    assert rule["found"].startswith(f"version {project.versions()[-1]}: vectors 0.")
