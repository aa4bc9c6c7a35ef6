"""Nights of a growing window through the command line: what is done, and that a fresh workspace says the same."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.real.project import PIPELINE, ROWS, Finished, Project, as_csv, make_project

pytestmark = pytest.mark.slow

SETTINGS = {
    **PIPELINE,
    "data": {**PIPELINE["data"], "splits": {"train": "data/span-*.csv"}},
    "validation": {rule: {"severity": "warning"} for rule in ("label_shift", "leakage", "near_duplicates")},
}
DATA_STEPS = ("ExampleGen", "StatisticsGen", "SchemaGen", "Transform")
SPANS = 4


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "project", SETTINGS)
    for number in range(1, SPANS):
        add_span(project, number)
    return project


def add_span(project: Project, number: int) -> None:
    """A span of a quarter of the rows; ten of them stand in the span before, too."""
    size = len(ROWS) // SPANS
    rows = ROWS[max((number - 1) * size - 10, 0) : number * size]
    (project.folder / "data" / f"span-{number}.csv").write_bytes(as_csv(rows))


def prepare(project: Project, *arguments: object) -> Finished:
    finished = project.run("--to", "Transform", *arguments)
    assert finished.exit_code == 0, finished.stderr
    return finished


def work_done(log: str) -> dict[str, tuple[int, int]]:
    """What the steps say that they worked on, and of how much."""
    found = re.findall(r"(read|looked at|analyzed|transformed) (\d+) of (\d+) (?:units|shards)", log)
    return {verb: (int(done), int(of)) for verb, done, of in found}


def data_of(workspace: Path) -> dict[str, bytes]:
    """Every file of the newest data artifacts; what TensorFlow writes into a SavedModel differs from run to run."""
    found = {}
    for step in DATA_STEPS:
        for output in (workspace / "artifacts" / "tickets" / step).iterdir():
            newest = max(output.iterdir(), key=lambda path: int(path.name))
            for path in newest.rglob("*"):
                if path.is_file() and "transform_fn" not in path.parts:
                    found[f"{step}/{output.name}/{path.relative_to(newest)}"] = path.read_bytes()
    return found


def fresh(project: Project) -> dict[str, bytes]:
    """The data of a run in a workspace of its own."""
    workspace = project.folder / "fresh"
    prepare(project, "--workspace", workspace)
    return data_of(workspace)


def test_a_night_does_the_work_of_its_span_and_writes_what_a_fresh_run_writes(project: Project) -> None:
    assert work_done(project.log(prepare(project))) == {
        "read": (3, 3),
        "looked at": (9, 9),
        "analyzed": (3, 3),
        "transformed": (9, 9),
    }
    add_span(project, SPANS)
    night = prepare(project, "--set", "transform.materialize=false")
    assert work_done(project.log(night)) == {
        "read": (1, 4),
        "looked at": (3, 12),
        "analyzed": (1, 4),
        "transformed": (12, 12),
    }
    span = project.folder / "data" / "span-2.csv"
    span.write_bytes(b"".join(span.read_bytes().splitlines(keepends=True)[:-3]))
    changed = prepare(project, "--set", "transform.materialize=false")
    assert work_done(project.log(changed))["transformed"] == (2, 12)  # the three rows stood in two splits
    (project.folder / "data" / "span-1.csv").unlink()
    window = prepare(project)
    assert work_done(project.log(window)) == {
        "read": (0, 3),
        "looked at": (0, 9),
        "analyzed": (0, 3),
        "transformed": (9, 9),
    }
    assert data_of(project.workspace) == fresh(project)


def test_no_cache_does_everything_again(project: Project) -> None:
    prepare(project)
    again = work_done(project.log(prepare(project, "--no-cache")))
    assert again["read"] == (3, 3) and again["looked at"] == (9, 9) and again["analyzed"] == (3, 3)
    add_span(project, SPANS)
    assert work_done(project.log(prepare(project)))["read"] == (1, 4)


@pytest.mark.parametrize("node", ["ExampleGen", "StatisticsGen", "Transform"])
def test_a_night_that_is_killed_costs_no_more_than_its_own_work(node: str, project: Project) -> None:
    process = project.start("run", "pipeline.yaml", "--to", "Transform")
    kept = project.workspace / "partials" / "tickets" / node
    try:
        wait_for(lambda: kept.is_dir() and any(not path.name.startswith(".") for path in kept.iterdir()))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert not (project.workspace / "artifacts" / "tickets" / node).exists()
    done = work_done(project.log(prepare(project)))
    verb, of = {"ExampleGen": ("read", 3), "StatisticsGen": ("looked at", 9), "Transform": ("analyzed", 3)}[node]
    assert done[verb][0] < of
    assert data_of(project.workspace) == fresh(project)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
