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


REFUNDS = [
    (f"{text} and I want my money back for order {place}", "refunds") for place, (text, _) in enumerate(ROWS[:40])
]


def verdict(project: Project, step: str) -> dict[str, Any]:
    shown = project.trainworks("show", "latest", "--json").told
    return {rule["rule"]: rule for s in shown["components"] if s["name"] == step for rule in s["verdict"]["rules"]}


def test_a_label_that_is_new_tonight(tmp_path: Path) -> None:
    """Stop, ignore, grow: in one project, one after the other."""
    require = [{"metric": "accuracy", "champion": True, "no_worse_by": 0.3, "significance": 0.05}]
    project = make_project(tmp_path / "tickets", settings(evaluation={"require": require}))
    assert project.run().exit_code == 0
    frozen = project.folder / "schemas" / "tickets.pbtxt"
    reviewed = b"# reviewed\n" + frozen.read_bytes()
    frozen.write_bytes(reviewed)
    (project.folder / DATA).write_bytes(as_csv([*ROWS, *REFUNDS]))
    loose = ("--set", "validation.label_shift.severity=off", "--set", "validation.near_duplicates.severity=off")

    stopped = project.run(*loose)
    assert stopped.exit_code == 3
    assert "unknown_label" in stopped.stderr
    assert f"{DATA}:{len(ROWS) + 2}: refunds" in stopped.stderr
    assert "`validation.new_labels: ignore` or `grow`" in re.sub(r"\s+", " ", stopped.stderr)

    ignored = project.run(*loose, "--set", "validation.new_labels=ignore")
    assert ignored.exit_code == 0, ignored.stderr
    assert "warning: ExampleValidator: unknown_label: " in ignored.stderr
    assert "Left out of training" in ignored.stderr
    assert frozen.read_bytes() == reviewed
    old = Path(ignored.told["pushed_path"])
    assert "refunds" not in (old / "assets" / "labels.txt").read_text()

    grown = project.run(*loose, "--set", "validation.new_labels=grow")
    assert grown.exit_code == 0, grown.stderr
    assert re.search(r"schemas/tickets.pbtxt has grown by the new labels `refunds` \(\d+ examples\)", grown.stderr)
    assert frozen.read_bytes() != reviewed
    assert frozen.read_bytes().startswith(b"# reviewed\n")
    labels = (Path(grown.told["pushed_path"]) / "assets" / "labels.txt").read_text().split()
    assert labels == ["account", "billing", "delivery", "refunds", "technical"]
    note = (
        "note: Evaluator: the champion does not know 1 of the candidate's 5 labels (`refunds`): examples of them count"
    )
    assert note in grown.stderr
    assert start_of(project).endswith(", 4 of 5 outputs")
    (rule,) = verdict(project, "Evaluator").values()
    assert rule["expected"] == "less than 0.3 worse with 95 % confidence"
    assert "by Tango's score test (p = " in rule["found"]
    assert set(project.run(*loose, "--set", "validation.new_labels=grow").fates.values()) == {"cached"}


def test_a_column_that_changes_its_type_or_is_gone_tonight(tmp_path: Path) -> None:
    data = {**PIPELINE["data"], "format": "jsonl", "splits": {"train": "data/tickets.jsonl"}, "keep": ["age"]}
    project = make_project(tmp_path / "tickets", settings(data=data))
    path = project.folder / "data" / "tickets.jsonl"

    def write(**odd: Any) -> None:
        records = [{"text": text, "topic": topic, "age": place} for place, (text, topic) in enumerate(ROWS)]
        records[30].update(odd)
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")

    write()
    assert project.run("--to", "ExampleValidator").exit_code == 0
    write(age="unknown")
    retyped = project.run("--to", "ExampleValidator")
    assert retyped.exit_code == 3
    assert "`age` is of type BYTES, the schema says INT: 1 of " in retyped.stderr
    assert "data/tickets.jsonl:31: unknown" in retyped.stderr
    assert "a frozen schema stands beside the pipeline file; deleted, it is inferred anew" in retyped.stderr

    (project.folder / "schemas" / "tickets.pbtxt").unlink()
    assert project.run("--to", "ExampleValidator").exit_code == 0
    path.write_text(path.read_text().replace('"age"', '"years"'))
    gone = project.run("--to", "ExampleValidator")
    assert gone.exit_code == 2
    assert "`data/tickets.jsonl` has no column `age`, which `data.keep` names" in gone.stderr
    assert "Columns found: `text`, `topic`, `years`. Bring it back, or change the pipeline file." in gone.stderr
