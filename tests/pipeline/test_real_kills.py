"""kill -9 at random moments of the real pipeline, real training included.

A project is run and killed, and each rerun killed in turn, until its run gets through; then it must hold what an
undisturbed project holds. So a kill may hit a first run, a run after a kill, or a training that goes on.
"""

import contextlib
import math
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.pipeline.real.curves import curves
from tests.pipeline.real.project import PIPELINE, STEPS, Finished, Project, make_project

KILLS = 24
KILLS_OF_A_PROJECT = 4
PROJECTS = KILLS // KILLS_OF_A_PROJECT
MOST_PROJECTS = 4 * PROJECTS
EPOCHS = 24
SETTINGS = {
    **PIPELINE,
    "model": {"family": "lstm", "embedding_dim": 8, "units": 4, "word_vectors": "random"},
    "training": {"epochs": EPOCHS, "min_steps": 0, "batch_size": 32, "steps_per_loop": 2, "checkpoint_seconds": 0},
    "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.0}]},
}
"""A small network, and a checkpoint every other step, so that training takes as long as all else."""

DATA_ARTIFACTS = (
    ("ExampleGen", "examples"),
    ("StatisticsGen", "statistics"),
    ("SchemaGen", "schema"),
    ("ExampleValidator", "anomalies"),
    ("Transform", "transformed_examples"),
)


def moments(rng: random.Random, number: int, seconds: float) -> list[dict[str, float]]:
    """When to kill each run of a project, where a whole run takes `seconds`: two at a time, two in training.

    The first runs of `PROJECTS` projects end in as many equal parts of a whole run.
    """
    first = (number % PROJECTS + rng.random()) / PROJECTS * seconds
    second = rng.uniform(0.5, max(0.7 * (seconds - first), 4.0))
    return [{"seconds": first}, {"seconds": second}, *({"epochs": rng.randint(1, EPOCHS // 4)} for _ in range(2))]


def killed_after(project: Project, *, seconds: float = math.inf, epochs: float = math.inf) -> bool:
    """Starts a run and kills its whole process group after a time, or once it has trained some epochs more.

    Returns:
        False if the run had ended by itself.
    """
    began, trained = time.monotonic(), len(epochs_of(project))
    process = project.start("run", "pipeline.yaml", "--json")
    while process.poll() is None and time.monotonic() - began < seconds and len(epochs_of(project)) - trained < epochs:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def data_of(project: Project) -> dict[str, bytes]:
    """Every file of the data artifacts, and of what analysis found."""
    folders = {f"{node} {name}": project.output(node, name) for node, name in DATA_ARTIFACTS}
    graph = project.output("Transform", "transform_graph")
    folders |= {f"Transform {name}": graph / name for name in ("facts", "transformed_metadata")}
    return {
        f"{name}: {path.relative_to(folder)}": path.read_bytes()
        for name, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file()
    }


def epochs_of(project: Project) -> dict[int, float]:
    """Epoch to its speed, as the newest training that has any left it; no second training repeats that exactly."""
    trainings = sorted((project.workspace / "tensorboard" / "tickets").glob("*/Trainer/train"))
    found = [curves(path).get("epoch_steps_per_second", {}) for path in trainings]
    return next((epochs for epochs in reversed(found) if epochs), {})


def assert_whole(project: Project, finished: Finished, expected: Finished) -> None:
    """A project that got through holds one of everything, and nothing else."""
    assert finished.exit_code == 0, finished.stderr
    assert finished.told["metrics"] == expected.told["metrics"]
    assert project.half_written() == []
    assert [*(project.workspace / "scratch").glob("*/*/*")] == []
    outputs = [path.parent for path in project.published()]
    assert len(outputs) == len(set(outputs)) == 11
    assert project.versions() == [str(finished.told["pushed_version"])]
    assert (Path(finished.told["pushed_path"]) / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    undisturbed = make_project(tmp_path / "undisturbed", SETTINGS)
    began = time.monotonic()
    expected = undisturbed.run()
    seconds = time.monotonic() - began
    assert_whole(undisturbed, expected, expected)
    wanted = data_of(undisturbed)

    kills = resumed = 0
    for number in range(MOST_PROJECTS):
        project = make_project(tmp_path / f"project-{number}", SETTINGS)
        began, before = time.monotonic(), kills
        for moment in moments(rng, number, seconds):
            if not killed_after(project, **moment):
                break
            kills += 1
        if kills == before:  # it was faster than the ones before: the machine has less to do
            seconds = time.monotonic() - began
        shutil.rmtree(project.temporary)  # what a killed process leaves in /tmp, nobody can remove but the system
        trained = epochs_of(project)
        finished = project.run()
        assert_whole(project, finished, expected)
        assert data_of(project) == wanted
        if trained and finished.fates["Trainer"] == "executed":
            speeds = curves(project.output("Trainer", "model_run") / "train")["epoch_steps_per_second"]
            assert len(speeds) == EPOCHS
            assert {epoch: speeds[epoch] for epoch in trained} == trained, "epochs were trained again"
            resumed += 1
        again = project.run()
        assert again.fates == dict.fromkeys(STEPS, "cached")
        shutil.rmtree(project.folder)
        if kills >= KILLS:
            break
    print(f"{kills} kills in {number + 1} projects; {resumed} trainings went on; a run takes {seconds:.1f} s")  # noqa: T201
    assert kills >= 20
    assert resumed >= 3
