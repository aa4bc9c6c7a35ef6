"""Trainings in processes of their own: killed for real, and mirrored over devices, which must be made first."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("training_process.py")


def start(folder: Path, settings: dict, devices: int = 1) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(PROGRAM), str(folder), json.dumps(settings), str(devices)]
    with (folder / "stderr").open("ab") as stderr:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)


def finish(folder: Path, settings: dict, devices: int = 1) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    process = start(folder, settings, devices)
    process.communicate(timeout=300)
    assert process.returncode == 0, (folder / "stderr").read_text()[-3000:]
    weights = np.load(folder / "weights.npz")
    return [weights[name] for name in weights.files], json.loads((folder / "history.json").read_text())


def kill_in_the_middle(folder: Path, settings: dict, chance: random.Random) -> None:
    """SIGKILL some inner loops after training began, at any moment of the next one or of its checkpoint."""
    process = start(folder, settings)
    assert process.stdout is not None
    for _ in range(chance.randrange(1, 8)):
        process.stdout.readline()
    time.sleep(chance.random() * 0.2)
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_killed_and_resumed_training_is_bit_for_bit_the_undisturbed_one(tmp_path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)
    settings = {"epochs": 5, "batch_size": 8, "dropout": 0.3, "steps_per_loop": 2, "checkpoint_seconds": 0.0}
    settings |= {"average_weights": 0.9, "learning_rate_schedule": "cosine", "warmup_steps": 0.1}
    settings |= {"micro_batch_size": 3, "layer_decay": 0.8}

    undisturbed, history = finish(tmp_path / "undisturbed", settings)
    for _ in range(3):
        kill_in_the_middle(tmp_path / "killed", settings, chance)
    assert not (tmp_path / "killed" / "weights.npz").exists()
    resumed, resumed_history = finish(tmp_path / "killed", settings)

    for ours, theirs in zip(resumed, undisturbed, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(resumed_history, history, strict=True):
        assert {**ours, "steps_per_second": 0} == {**theirs, "steps_per_second": 0}


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"clip_norm": 0.5}, {"micro_batch_size": 6, "layer_decay": 0.5}])
def test_two_mirrored_devices_equal_one(tmp_path, more):
    settings = {"epochs": 2, "batch_size": 8, "dropout": 0.0, "optimizer": "sgd", "learning_rate": 0.5}
    settings |= {**more, "average_weights": 0.9, "weight_decay": 0.01, "restore_best": False}

    one, history = finish(tmp_path / "one", {**settings, "strategy": "none"})
    two, mirrored_history = finish(tmp_path / "two", {**settings, "strategy": "mirrored"}, devices=2)

    for ours, theirs in zip(two, one, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for ours, theirs in zip(mirrored_history, history, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-5)


@pytest.mark.slow
def test_mirrored_parts_with_dropout_and_batch_normalization(tmp_path):
    settings = {"epochs": 1, "batch_size": 8, "dropout": 0.3, "normalized": True, "micro_batch_size": 2}
    weights, _ = finish(tmp_path, settings | {"strategy": "mirrored"}, devices=2)
    assert all(np.isfinite(weight).all() for weight in weights)


@pytest.mark.slow
def test_batches_smaller_than_the_replicas_count_once(tmp_path):
    """150 and 43 examples in batches of 4 leave 2 and 3 for the last, of 4 devices."""
    settings = {"epochs": 1, "batch_size": 4, "dropout": 0.0, "optimizer": "sgd", "learning_rate": 0.5}
    settings |= {"restore_best": False}
    one, history = finish(tmp_path / "one", {**settings, "strategy": "none"})
    four, mirrored_history = finish(tmp_path / "four", {**settings, "strategy": "mirrored"}, devices=4)
    for ours, theirs in zip(four, one, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert mirrored_history[0][name] == pytest.approx(history[0][name], abs=1e-5)

    settings |= {"strategy": "mirrored", "normalized": True, "learning_rate": 0.01}
    normalized, _ = finish(tmp_path / "normalized", settings, devices=4)
    assert all(np.isfinite(weight).all() for weight in normalized)


@pytest.mark.slow
def test_mirrored_training_in_float16_resumes(tmp_path):
    settings = {"epochs": 1, "batch_size": 8, "dropout": 0.3, "clip_norm": 1.0}
    settings |= {"strategy": "mirrored", "precision": "mixed_float16"}
    first, _ = finish(tmp_path, settings, devices=2)
    again, history = finish(tmp_path, settings, devices=2)

    assert np.isfinite(history[-1]["val_loss"])
    for ours, theirs in zip(again, first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_batch_that_replicas_cannot_share_is_refused(tmp_path):
    process = start(tmp_path, {"batch_size": 9, "dropout": 0.0, "strategy": "mirrored"}, devices=2)
    process.communicate()

    assert process.returncode == 1
    rule = "`training.batch_size` must be a positive multiple of the replica count (2). Received: batch_size=9"
    assert rule in (tmp_path / "stderr").read_text()
