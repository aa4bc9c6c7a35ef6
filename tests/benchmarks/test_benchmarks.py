"""The measurements run and measure what they say, on little data. Times depend on the machine: only ratios count."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOPICS = {
    "sea": "ship port cargo vessel harbour",
    "farm": "wheat corn crop acre harvest",
    "bank": "rate loan bond debt",
}
SEED = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 texts to train on and 150 to test, of 40 words each, about one in five of them telling the topic."""
    print(f"seed {SEED}")
    folder, chance = tmp_path_factory.mktemp("data"), random.Random(SEED)
    filler = [f"word{number}" for number in range(500)]
    for split, rows in (("train", 600), ("test", 150)):
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for _ in range(rows):
                label = chance.choice(list(TOPICS))
                words = chance.choices(filler, k=32) + chance.choices(TOPICS[label].split(), k=8)
                writer.writerow([" ".join(chance.sample(words, 40)), label])
    return folder


def measured(subject: str, data: Path, work: Path) -> dict[str, dict[str, float]]:
    """Rows of a subject, by what they measure. That a limit is missed on so little data says nothing."""
    rows = work / "rows.json"
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks",
        subject,
        "--quick",
        "--data",
        data,
        "--work",
        work,
        "--json",
        rows,
    ]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert rows.exists(), finished.stdout + finished.stderr
    return {row["what"]: row for row in json.loads(rows.read_text(encoding="utf-8"))["rows"]}


@pytest.mark.slow
def test_like_for_like(data: Path, tmp_path: Path) -> None:
    rows = measured("like_for_like", data, tmp_path)
    accuracy = rows["... test accuracy"]
    assert accuracy["ours"] > 40
    assert accuracy["rival"] > 20
    assert rows["LSTM on R8, 3 epochs, whole process"]["ratio"] < 3
    assert rows["... peak memory"]["ratio"] < 3


@pytest.mark.slow
def test_a_cached_run_takes_a_fraction_of_the_first(data: Path, tmp_path: Path) -> None:
    assert measured("startup", data, tmp_path)["the same again, all cached"]["ratio"] < 0.25


@pytest.mark.slow
def test_memory_does_not_grow_with_the_documents(data: Path, tmp_path: Path) -> None:
    rows = measured("throughput", data, tmp_path)
    assert rows["... peak memory against 2,000 documents"]["passed"]


@pytest.mark.slow
def test_training_step_is_near_the_bare_loop(data: Path, tmp_path: Path) -> None:
    assert 0.5 < measured("training_step", data, tmp_path)["a training step"]["ratio"] < 1.5


@pytest.mark.slow
def test_explanation(data: Path, tmp_path: Path) -> None:
    rows = measured("explanation", data, tmp_path / "work")
    missing = rows["transformer, integrated gradients of 50 steps, what is missing, 95th percentile"]
    assert 0 < missing["ours"] < 100 and missing["limit"] == 2.0
