"""Nights over growing spans: the real pipeline, through the real command line.

The fixtures below are one story in one project; each is a night that begins where the one before ended.
"""

import copy
import os
import random
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.artifacts import Examples
from schemas.tfrecords import read_records
from tests.pipeline.real.project import PIPELINE, ROWS, STEPS, Finished, Project, as_csv, make_project

pytestmark = pytest.mark.slow

HOUR = 3600.0
SPLITS = {name: f"spans/{{SPAN:3}}/{name}.csv" for name in ("train", "test")}
RULES = [{"metric": "accuracy", "at_least": 0.2}, {"metric": "accuracy", "champion": True, "no_worse_by": 1.0}]


def write(project: Project, number: int, rows: Iterable[object], *, age: float = HOUR) -> None:
    """A span, a third of it for the test, whose files are `age` seconds old."""
    folder = project.folder / "spans" / f"{number:03}"
    folder.mkdir(parents=True)
    given = list(rows)
    for name, part in (("train", given[len(given) // 3 :]), ("test", given[: len(given) // 3])):
        (folder / f"{name}.csv").write_bytes(as_csv(part))  # type: ignore[arg-type]
    settle(folder, age)


def settle(folder: Path, age: float = HOUR) -> None:
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - age,) * 2)


def origins(examples: Examples, split: str) -> set[str]:
    """The files that a split's examples come from."""
    import tensorflow as tf

    found = set()
    for shard in examples.shards(split):
        with shard.open("rb") as file:
            for record in read_records(file):
                source = tf.train.Example.FromString(record).features.feature["_source"].bytes_list.value[0]
                found.add(source.decode().partition(":")[0])
    return found


def spans(finished: Finished) -> list[int]:
    return [span["span"] for span in finished.told["spans"]]


@pytest.fixture(scope="module")
def rows() -> list[list[object]]:
    """Four nights of shuffled tickets."""
    mixed = list(ROWS)
    random.Random(6).shuffle(mixed)
    share = len(mixed) // 4
    return [mixed[place * share : (place + 1) * share] for place in range(4)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, rows: list[list[object]]) -> Project:
    settings = copy.deepcopy(dict(PIPELINE))
    del settings["data"]["holdout"]
    settings["data"] |= {"splits": SPLITS, "spans": {"window": 2, "newest_only": "test"}}
    settings["validation"] = {
        name: {"severity": "off"} for name in ("label_shift", "leakage", "drift_linf", "drift_js")
    }
    settings["evaluation"] = {"require": RULES}
    made = make_project(tmp_path_factory.mktemp("spans") / "tickets", settings)
    write(made, 1, rows[0])
    write(made, 2, rows[1])
    return made


@pytest.fixture(scope="module")
def first(project: Project) -> Finished:
    return project.run()


@pytest.fixture(scope="module")
def unsettled(project: Project, first: Finished, rows: list[list[object]]) -> Finished:
    """A night on which the third span is still being written."""
    write(project, 3, rows[2], age=1.0)
    return project.run()


@pytest.fixture(scope="module")
def third(project: Project, unsettled: Finished) -> Finished:
    settle(project.folder / "spans" / "003")
    return project.run()


@pytest.fixture(scope="module")
def empty(project: Project, third: Finished) -> Finished:
    """A night on which the fourth span holds nothing."""
    folder = project.folder / "spans" / "004"
    folder.mkdir()
    settle(folder)
    return project.run()


def test_the_first_night_reads_what_is_there(project: Project, first: Finished) -> None:
    assert first.exit_code == 0, first.stderr
    assert spans(first) == [1, 2]
    assert first.fates == dict.fromkeys(STEPS, "executed")


def test_a_span_that_is_still_written_is_said_and_changes_nothing(first: Finished, unsettled: Finished) -> None:
    assert unsettled.exit_code == 0, unsettled.stderr
    assert "left for the next run, still being written: span 3 (changed " in unsettled.stderr
    assert unsettled.fates == dict.fromkeys(STEPS, "cached")
    assert spans(unsettled) == [1, 2]
    assert unsettled.told["pushed_version"] == first.told["pushed_version"]


def test_a_new_span_trains_anew_on_the_window(project: Project, third: Finished) -> None:
    assert third.exit_code == 0, third.stderr
    assert spans(third) == [2, 3]
    assert third.fates == {**dict.fromkeys(STEPS, "executed"), "SchemaGen": third.fates["SchemaGen"]}
    examples = Examples(project.output("ExampleGen", "examples"))
    assert origins(examples, "train") == {"spans/002/train.csv", "spans/003/train.csv"}


def test_champion_and_challenger_meet_on_the_newest_test_data(project: Project, third: Finished) -> None:
    shown = project.trainworks("show", third.told["run_id"], "--json").told
    steps = {step["name"]: step for step in shown["components"]}
    examples = Examples(Path(steps["ExampleGen"]["outputs"]["examples"]["path"]))
    assert origins(examples, "test") == {"spans/003/test.csv"}
    rules = steps["Evaluator"]["verdict"]["rules"]
    assert [rule["verdict"] for rule in rules] == ["passed", "passed"]
    assert "champion" in rules[1]["rule"]
    origin = project.trainworks("lineage", steps["Evaluator"]["outputs"]["blessing"]["id"], "--json").told
    judged_on = [r for r in origin["made_from"] if r["role"] == "examples" and r["step"] == "Evaluator"]
    assert [r["properties"]["span"] for r in judged_on] == [3]
    assert len([r for r in origin["made_from"] if r["type"] == "Model" and r["step"] == "Evaluator"]) == 2


def test_lineage_has_each_run_s_spans(project: Project, first: Finished, third: Finished) -> None:
    runs = {run["run_id"]: run["spans"] for run in project.trainworks("runs", "--json").told["runs"]}
    assert [span["span"] for span in runs[first.told["run_id"]]] == [1, 2]
    assert [span["span"] for span in runs[third.told["run_id"]]] == [2, 3]
    read = project.trainworks("lineage", project.output("ExampleGen", "examples"), "--json").told["raw_files"]
    raw = [str(Path(path).relative_to(project.folder)) for path in read]
    assert raw == ["spans/002/train.csv", "spans/003/test.csv", "spans/003/train.csv"]
    steps = project.trainworks("show", third.told["run_id"], "--json").told["components"]
    made = [artifact for step in steps for artifact in step["outputs"].values()]
    assert {
        artifact["type"]: artifact["properties"]["span"] for artifact in made if "span" in artifact["properties"]
    } == {
        "Examples": 3,
        "ExampleStatistics": 3,
        "ExampleAnomalies": 3,
    }


def test_an_empty_span_stops_at_the_validator(project: Project, third: Finished, empty: Finished) -> None:
    assert empty.exit_code == 3
    assert "empty_span" in empty.stderr and "without an example: 4" in empty.stderr
    assert project.versions()[-1] == str(third.told["pushed_version"])


def test_an_excluded_span_costs_no_more_than_reading(project: Project, third: Finished, empty: Finished) -> None:
    again = project.run("--set", "data.spans.exclude=[4]")
    assert again.exit_code == 0, again.stderr
    assert [step for step, fate in again.fates.items() if fate == "executed"] == ["ExampleGen"]
    assert again.told["pushed_version"] == third.told["pushed_version"]


def test_a_span_that_vanishes_between_two_steps_was_read(
    project: Project, empty: Finished, rows: list[list[object]]
) -> None:
    write(project, 5, rows[3])
    published = project.workspace / "artifacts" / "tickets" / "ExampleGen" / "examples"
    before = set(published.iterdir())
    process = project.start("run", "pipeline.yaml", "--json", "--set", "data.spans.exclude=[4]")
    while set(published.iterdir()) == before and process.poll() is None:
        time.sleep(0.02)
    shutil.rmtree(project.folder / "spans" / "005")
    stdout, stderr = process.communicate(timeout=300)
    finished = Finished(process.returncode, stdout, stderr)
    assert finished.exit_code == 0, stderr
    assert spans(finished) == [3, 5]
    assert finished.fates["Pusher"] == "executed"
    after = project.run("--set", "data.spans.exclude=[4]", "--to", "ExampleGen")
    assert spans(after) == [2, 3]


def test_wrong_patterns_are_told_by_file_and_line(project: Project, empty: Finished) -> None:
    refused = project.run("--set", "data.splits.test=spans/{SPAN}.csv", "--set", "data.spans.window=0")
    assert refused.exit_code == 2
    assert "`data.spans.window` must be 1 or more. Received: window=0" in refused.stderr
    refused = project.run("--set", "data.splits.test=spans/{SPAM}/{SPAN}.csv")
    assert "{SPAM}" in refused.stderr and "Traceback" not in refused.stderr
