"""kill -9 at any moment leaves the old world or the new one, and the next run finishes the work.

Runs are forked, so that a moment is one within a run, and not within Python's start.
"""

import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.result import RunResult
from pipeline.runner import run_pipeline

Files = Callable[[Path], dict[str, bytes]]
MOMENTS = 24


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def forked(work: Callable[[], object]) -> int:
    """Does work in a forked process; returns its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def contents(result: RunResult, files: Files) -> dict[str, dict[str, bytes]]:
    """What a run came to: every file of every output."""
    return {
        f"{step.name} {name}": files(artifact.uri)
        for step in result.components
        for name, artifact in step.outputs.items()
    }


def assert_finishes(toys: ModuleType, project: Path, expected: dict[str, dict[str, bytes]], files: Files) -> None:
    """The next run succeeds with the undisturbed run's bytes, and sweeps what was left."""
    result = run_pipeline(toys.toy_pipeline(project))
    assert result.status == "succeeded"
    assert contents(result, files) == expected
    workspace = project / ".trainworks"
    assert [*(workspace / "tmp").glob("*/*"), *(workspace / "scratch").glob("*/*/*")] == []
    for output in (workspace / "artifacts" / "toy").glob("*/*"):
        assert len(list(output.iterdir())) == 1, f"{output} keeps what was never published"


def a_project(folder: Path, like: Path | None = None) -> Path:
    """A project with raw data, which knows of source files what the project `like` knows."""
    folder.mkdir()
    if like:
        (folder / ".trainworks").mkdir()
        shutil.copy(like / ".trainworks" / "digests.json", folder / ".trainworks")
    (folder / "rows.txt").write_text("".join(f"row {i}\n" for i in range(100)))
    return folder


def test_killed_at_random_acts(toys: ModuleType, tmp_path: Path, files: Files, rng: random.Random) -> None:
    """The process kills itself before its nth act upon the outside: a file opened, made, renamed or removed."""
    undisturbed = a_project(tmp_path / "undisturbed")
    expected = contents(run_pipeline(toys.toy_pipeline(undisturbed)), files)
    counted = tmp_path / "acts"

    def count() -> None:
        acts = 0

        def hook(event: str, arguments: object) -> None:
            nonlocal acts
            acts += is_act(event)

        sys.addaudithook(hook)
        run_pipeline(toys.toy_pipeline(a_project(tmp_path / "counted", undisturbed)))
        counted.write_text(str(acts))

    os.waitpid(forked(count), 0)
    killed = 0
    for moment in sorted(rng.sample(range(int(counted.read_text())), MOMENTS)):
        project = a_project(tmp_path / f"killed-{moment}", undisturbed)

        def run(project: Path = project, moment: int = moment) -> None:
            seen = 0

            def hook(event: str, arguments: object) -> None:
                nonlocal seen
                if is_act(event):
                    seen += 1
                    if seen > moment:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            run_pipeline(toys.toy_pipeline(project))

        _, status = os.waitpid(forked(run), 0)
        killed += os.WIFSIGNALED(status)  # the last acts of all are not quite the same ones every time
        assert_finishes(toys, project, expected, files)
    assert killed >= 20


def is_act(event: str) -> bool:
    return event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "sqlite3.connect")


def test_killed_at_random_times_again_and_again(
    toys: ModuleType, tmp_path: Path, files: Files, rng: random.Random
) -> None:
    """One project, killed from outside until a run gets through."""
    began = time.monotonic()
    undisturbed = run_pipeline(toys.toy_pipeline(a_project(tmp_path / "undisturbed")))
    took = time.monotonic() - began
    project = a_project(tmp_path / "killed", tmp_path / "undisturbed")
    for _ in range(MOMENTS):
        pid = forked(lambda: run_pipeline(toys.toy_pipeline(project)))
        time.sleep(rng.uniform(0, took))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    pushed = list((project / "served").glob("*")) if (project / "served").exists() else []
    assert all(files(version) == {"saved_model.pb": b"rows 100, epochs 4\n"} for version in pushed)
    assert_finishes(toys, project, contents(undisturbed, files), files)
    again = run_pipeline(toys.toy_pipeline(project))
    assert {step.status for step in again.components} == {"cached"}


def test_training_goes_on_from_its_checkpoint(toys: ModuleType, tmp_path: Path, files: Files) -> None:
    project = a_project(tmp_path / "killed")
    pid = forked(lambda: run_pipeline(toys.toy_pipeline(project, seconds=0.3)))
    epochs = project / "epochs.log"
    while not epochs.exists() or len(epochs.read_text().splitlines()) < 3:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    result = run_pipeline(toys.toy_pipeline(project, seconds=0.3))
    assert [step.status for step in result.components] == ["cached"] * 3 + ["executed"] * 3
    assert epochs.read_text().split() == ["1", "2", "3", "3", "4"]


def test_lineage_says_what_became_of_a_killed_run(toys: ModuleType, tmp_path: Path) -> None:
    from contextlib import closing

    from pipeline.lineage.store import Lineage

    project = a_project(tmp_path / "killed")
    pid = forked(lambda: run_pipeline(toys.toy_pipeline(project, seconds=30)))
    while not (project / "epochs.log").exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    run_pipeline(toys.toy_pipeline(project))
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        finished, killed = lineage.runs(2)
        assert (finished.status, killed.status) == ("succeeded", "failed")
        assert lineage.for_run(killed.run_id)[-1].state == "failed"
