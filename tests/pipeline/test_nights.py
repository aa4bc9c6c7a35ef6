"""Night after night through the real command line: the gate between champion and challenger, and what training starts
from."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.lineage.store import Lineage
from tests.pipeline.real.curves import curves
from tests.pipeline.real.project import DATA, PIPELINE, ROWS, Project, as_csv, make_project

pytestmark = pytest.mark.slow

A_LINEAR = {"family": "linear"}
EVALUATION = {"require": [{"metric": "accuracy", "at_least": 0.3}]}
TRAINING = {"warm_start": "champion"}


def settings(**changes: Any) -> dict[str, Any]:
    return {**PIPELINE, "model": A_LINEAR, "training": TRAINING, "evaluation": EVALUATION, **changes}


def begins_at(project: Project) -> float:
    """The first epoch's loss of the newest training."""
    return curves(project.output("Trainer", "model_run") / "train")["epoch_loss"][0]


def start_of(project: Project) -> str:
    """What the newest training says of its start."""
    lineage = Lineage(project.workspace / "metadata.sqlite")
    model = lineage.artifact(project.output("Trainer", "model"))
    lineage.close()
    assert model is not None
    return str(model.properties["warm_start"])


def test_a_night_starts_from_the_champion_and_an_unchanged_one_trains_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "tickets", settings(), as_csv(ROWS[: len(ROWS) * 2 // 3]))
    first = project.run()
    assert first.exit_code == 0, first.stderr
    assert start_of(project) == "training starts from scratch: no model has been blessed yet"
    champion, cold = project.output("Trainer", "model"), begins_at(project)

    (project.folder / DATA).write_bytes(as_csv(ROWS))
    second = project.run()
    assert second.exit_code == 0, second.stderr
    told = start_of(project)
    assert told.startswith(f"training starts from the champion {champion}, ")
    rows = re.search(r"([\d,]+) of ([\d,]+) rows of `logits/kernel`", told)
    assert rows is not None, "other words"
    assert 0 < int(rows[1].replace(",", "")) < int(rows[2].replace(",", ""))
    assert begins_at(project) < 0.7 * cold

    for _ in range(2):
        assert set(project.run().fates.values()) == {"cached"}
    answered = project.trainworks("predict", "served/tickets", "I was charged twice for my subscription", "--json")
    assert json.loads(answered.stdout)["label"] == "billing"
