"""When an inferred schema becomes the measure of later data: run after run, with the real data steps."""

import random
from pathlib import Path

import pytest

from components.example_gen import ExampleGen
from components.example_validator import ExampleValidator
from components.schema_gen import SchemaGen
from components.statistics_gen import StatisticsGen
from pipeline.pipeline import Pipeline
from pipeline.result import RunResult
from pipeline.runner import run_pipeline
from schemas.config import DataConfig, ValidationConfig

pytestmark = pytest.mark.slow


def validate(base: Path) -> RunResult:
    data = DataConfig(
        format="csv", splits={"train": "train.csv", "test": "test.csv"}, features={"text": "text"}, label="topic"
    )
    rules = ValidationConfig.model_validate({"label_shift": {"severity": "off"}})
    read = ExampleGen(data=data, task="classification")
    measure = StatisticsGen(examples=read.examples, label="topic", text=("text",))
    measured = {"examples": read.examples, "statistics": measure.statistics}
    infer = SchemaGen(label="topic", task="classification", frozen="schemas/news.pbtxt", rules=rules, **measured)
    check = ExampleValidator(schema=infer.schema, label="topic", rules=rules, **measured)
    return run_pipeline(Pipeline("news", [read, measure, infer, check], base=base))


def write(path: Path, labels: str, seed: int) -> None:
    words = random.Random(seed)
    lines = [f"{label},{' '.join(f'w{words.randrange(10_000)}' for _ in range(20))}" for label in labels]
    path.write_text("topic,text\n" + "\n".join(lines) + "\n")


def test_only_data_that_passed_is_frozen_and_an_unchanged_run_is_cached(tmp_path: Path) -> None:
    frozen = tmp_path / "schemas" / "news.pbtxt"
    write(tmp_path / "train.csv", "ab" * 20, seed=1)
    write(tmp_path / "test.csv", "abc" * 10, seed=2)  # `c` is nothing that could be learned
    refused = validate(tmp_path)
    assert refused.status == "refused"
    assert not frozen.exists()

    write(tmp_path / "train.csv", "abc" * 20, seed=1)
    passed = validate(tmp_path)
    assert passed.status == "succeeded"
    assert frozen.read_bytes() == passed["SchemaGen"].outputs["schema"].path.read_bytes()
    assert [step.status for step in validate(tmp_path).components] == ["cached"] * 4

    write(tmp_path / "test.csv", "abd" * 10, seed=2)
    kept = frozen.read_bytes()
    assert validate(tmp_path).status == "refused"
    assert frozen.read_bytes() == kept
