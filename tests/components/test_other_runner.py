"""The data steps where Beam's workers are processes of their own: what they write does not depend on who runs them."""

import random
from pathlib import Path
from typing import Any

import pytest

from components.component import Channel, Component
from components.example_gen import ExampleGen
from components.statistics_gen import StatisticsGen
from schemas.artifacts import Examples, ExampleStatistics
from schemas.config import BeamConfig, DataConfig
from tests.components.scenes import jpeg, png, scene

pytestmark = pytest.mark.slow

RUNNERS = {
    "in process": BeamConfig(),
    "two processes": BeamConfig(options=("--direct_running_mode=multi_processing", "--direct_num_workers=2")),
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def prepare(context: Any, folder: Path) -> tuple[Examples, ExampleStatistics]:
    """Examples of two files, and their statistics."""
    data = DataConfig(
        format="csv",
        splits={"train": ("a.csv", "b.csv")},
        features={"text": "text"},
        label="topic",
        keep=("id",),
    )
    examples, statistics = Examples(folder / "examples"), ExampleStatistics(folder / "statistics")
    for artifact in (examples, statistics):
        artifact.uri.mkdir(parents=True)
    ExampleGen(data=data, task="classification").bind({}, {"examples": examples}).run(context)
    promise = Channel(Component(), "examples", Examples)
    step = StatisticsGen(examples=promise, label="topic", text=("text",))
    step.bind({"examples": examples}, {"statistics": statistics}).run(context)
    return examples, statistics


def test_processes_of_their_own_write_the_same_bytes(tmp_path: Path, context: Any) -> None:
    words = random.Random(1)
    for name in "ab":
        rows = [f"{i},{'xy'[i % 2]},{' '.join(f'w{words.randrange(500)}' for _ in range(12))}" for i in range(300)]
        (tmp_path / f"{name}.csv").write_text("id,topic,text\n" + "\n".join([*rows, f"7,x,caf\xe9 {name}"]) + "\n")
    written = []
    for name, beam in RUNNERS.items():
        context.beam = beam
        written.append([files(artifact.uri) for artifact in prepare(context, tmp_path / name)])
    assert sorted(written[0][1]) == ["Split-eval/FeatureStats.pb", "Split-train/FeatureStats.pb"]
    assert sorted(name.partition("-of-")[0] for name in written[0][0]) == [
        "Split-eval/data_tfrecord-00000",
        "Split-eval/data_tfrecord-00001",
        "Split-train/data_tfrecord-00000",
        "Split-train/data_tfrecord-00001",
        "ingestion.json",
    ]
    assert written[0] == written[1]


def test_processes_of_their_own_share_what_earlier_runs_kept(
    tmp_path: Path, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    context.kept = tmp_path / "kept"
    context.kept.mkdir()
    words = random.Random(2)
    for name in "ab":
        rows = [f"{i},{'xy'[i % 2]},{' '.join(f'w{words.randrange(500)}' for _ in range(12))}" for i in range(300)]
        (tmp_path / f"{name}.csv").write_text("id,topic,text\n" + "\n".join(rows) + "\n")
    written = []
    for name, beam in RUNNERS.items():
        context.beam = beam
        written.append([files(artifact.uri) for artifact in prepare(context, tmp_path / name)])
    said = [record.getMessage().partition(";")[0] for record in caplog.records if record.name == "lone"]
    assert said == ["read 2 of 2 units", "looked at 4 of 4 shards", "read 0 of 2 units", "looked at 0 of 4 shards"]
    assert written[0] == written[1]


def test_processes_of_their_own_see_the_same_pictures(tmp_path: Path, context: Any) -> None:
    for seed in range(30):
        path = tmp_path / "train" / "ab"[seed % 2] / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(scene(seed % 25, 40)) if seed % 4 else jpeg(scene(seed + 1, 48), 80))
    data = DataConfig.model_validate({"format": "image-folder", "splits": {"train": "train"}, "holdout": {"eval": 0.3}})
    written = []
    for name, beam in RUNNERS.items():
        context.beam = beam
        examples, statistics = Examples(tmp_path / name / "examples"), ExampleStatistics(tmp_path / name / "statistics")
        for artifact in (examples, statistics):
            artifact.uri.mkdir(parents=True)
        ExampleGen(data=data, task="classification").bind({}, {"examples": examples}).run(context)
        step = StatisticsGen(examples=Channel(Component(), "examples", Examples), label="label", images=("path",))
        step.bind({"examples": examples}, {"statistics": statistics}).run(context)
        written.append(files(statistics.uri))
    assert sorted(written[0]) == ["Split-eval/FeatureStats.pb", "Split-train/FeatureStats.pb"]
    assert written[0] == written[1]
    assert b"nearly the same picture as train/" in b"".join(written[0].values())
