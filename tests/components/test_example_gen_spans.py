"""ExampleGen on data that comes in spans, through Beam."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.component import FileGroup
from components.example_gen import ExampleGen
from schemas.artifacts import Examples
from schemas.config import DataConfig
from schemas.errors import DataError
from schemas.ingestion import SpanRows
from schemas.tfrecords import read_records

SPLITS = {"train": "data/span-{SPAN}/train*.csv", "eval": "data/span-{SPAN}/eval.csv"}


def write(base: Path, number: int, *, train: int = 4, eval: int = 2, version: str = "") -> None:
    """A span of so many rows, an hour old."""
    folder = base / "data" / f"span-{number}" / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("eval", eval)):
        rows = "".join(f"{'earn' if i % 2 else 'acq'},text {i} of span {number}\n" for i in range(count))
        (folder / f"{name}.csv").write_text(f"label,text\n{rows}")
    settle(base)


def settle(base: Path, seconds: float = 3600) -> None:
    for path in (base / "data").rglob("*"):
        os.utime(path, (time.time() - seconds,) * 2)


def component(splits: Any = SPLITS, **spans: Any) -> ExampleGen:
    given = {"format": "csv", "splits": splits, "spans": spans, "features": {"text": "text"}, "label": "label"}
    return ExampleGen(data=DataConfig.model_validate(given), task="classification")


Generate = Callable[..., Examples]


@pytest.fixture
def generate(context: Any, tmp_path: Path) -> Generate:
    """Runs a component; the newest examples are in the highest folder."""

    def run(step: ExampleGen) -> Examples:
        uri = tmp_path / f"examples-{len(list(tmp_path.glob('examples-*')))}"
        uri.mkdir()
        bound = step.bind({}, {"examples": Examples(uri)})
        bound.run(context)
        return bound.examples

    return run


def origins(examples: Examples, split: str) -> list[str]:
    """The files that the split's examples come from, in order, each once."""
    import tensorflow as tf

    found: dict[str, None] = {}
    for shard in examples.shards(split):
        with shard.open("rb") as file:
            for record in read_records(file):
                source = tf.train.Example.FromString(record).features.feature["_source"].bytes_list.value[0]
                found[source.decode().partition(":")[0]] = None
    return list(found)


def test_all_spans_are_read_and_told(tmp_path: Path, generate: Generate) -> None:
    for number in (10, 2, 9):
        write(tmp_path, number, train=number)
    examples = generate(component())
    assert origins(examples, "train") == [f"data/span-{number}/train.csv" for number in (2, 9, 10)]
    ingestion = examples.ingestion()
    assert ingestion.rows == {"train": 21, "eval": 6}
    assert ingestion.spans == tuple(
        SpanRows(span=number, version=0, name=str(number), rows={"train": number, "eval": 2}) for number in (2, 9, 10)
    )
    assert examples.properties == {
        "split_names": json.dumps(["train", "eval"]),
        "span": 10,
        "version": 0,
        "spans": '{"2": 0, "9": 0, "10": 0}',
        "span_unit": "number",
    }


def test_a_window_teaches_and_the_newest_span_judges(tmp_path: Path, generate: Generate) -> None:
    for number in (1, 2, 3):
        write(tmp_path, number)
    examples = generate(component(window=2, newest_only="eval"))
    assert origins(examples, "train") == ["data/span-2/train.csv", "data/span-3/train.csv"]
    assert origins(examples, "eval") == ["data/span-3/eval.csv"]
    assert [(span.name, span.rows) for span in examples.ingestion().spans] == [
        ("2", {"train": 4}),
        ("3", {"eval": 2, "train": 4}),
    ]


def test_what_a_span_gives_does_not_depend_on_others(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path, 1)
    before = generate(component())
    write(tmp_path, 2)
    after = generate(component())
    first = (before.shards("train")[0], after.shards("train")[0])
    assert first[0].read_bytes() == first[1].read_bytes()


def test_versions_are_told(tmp_path: Path, generate: Generate) -> None:
    for version in ("v2", "v11"):
        write(tmp_path, 5, version=version)
    examples = generate(
        component({split: f"data/span-{{SPAN}}/v{{VERSION}}/{split}.csv" for split in ("train", "eval")})
    )
    assert origins(examples, "train") == ["data/span-5/v11/train.csv"]
    assert (examples.properties["span"], examples.properties["version"]) == (5, 11)


def test_a_span_without_rows_is_kept_on_record(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, train=0, eval=0)  # headers only
    (tmp_path / "data" / "span-3").mkdir()
    settle(tmp_path)
    examples = generate(component())
    assert [(span.name, sum(span.rows.values())) for span in examples.ingestion().spans] == [
        ("1", 6),
        ("2", 0),
        ("3", 0),
    ]
    assert examples.properties["span"] == 2


def test_an_empty_span_is_part_of_what_is_read(tmp_path: Path) -> None:
    write(tmp_path, 1)
    files = [tmp_path / "data" / "span-1" / name for name in ("eval.csv", "train.csv")]
    assert component().external_inputs(tmp_path) == files
    (tmp_path / "data" / "span-2").mkdir()
    settle(tmp_path)
    assert component().external_inputs(tmp_path) == [*files, FileGroup(tmp_path / "data" / "span-2", ())]


def test_what_is_read_is_decided_once(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path, 1)
    resolved = component().resolved(tmp_path)
    before = resolved.external_inputs(tmp_path)
    write(tmp_path, 2)
    assert resolved.external_inputs(tmp_path) == before
    assert generate(resolved).properties["spans"] == '{"1": 0}'
    assert generate(component()).properties["spans"] == '{"1": 0, "2": 0}'


def test_a_span_that_waits_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    os.utime(tmp_path / "data" / "span-2" / "eval.csv", (time.time() + 3600,) * 2)
    with caplog.at_level(logging.WARNING, "trainworks.ExampleGen"):
        component().resolved(tmp_path)
    (line,) = caplog.messages
    assert line.startswith("left for the next run, still being written: span 2 (dated ")


@pytest.mark.parametrize("gone", ["data/span-1", "data/span-1/train.csv"])
def test_a_span_that_vanishes_is_named_and_leaves_nothing(tmp_path: Path, generate: Generate, gone: str) -> None:
    for number in (1, 2):
        write(tmp_path, number)
    resolved = component().resolved(tmp_path)
    path = tmp_path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=r"Span 1 vanished while it was read: `data/span-1/train.csv` is gone"):
        resolved.external_inputs(tmp_path)
    with pytest.raises(DataError, match=r"Span 1 vanished while it was read: `data/span-1/train.csv` is gone"):
        generate(resolved)
    assert list((tmp_path / "examples-0").iterdir()) == []


def test_pictures_come_in_spans(tmp_path: Path, generate: Generate) -> None:
    from PIL import Image

    for number, label in ((1, "cat"), (2, "dog"), (2, "cat")):
        folder = tmp_path / "data" / str(number) / "train" / label
        folder.mkdir(parents=True)
        for shade in range(3):
            Image.new("RGB", (8, 8), (number * 40, shade * 20, len(label))).save(folder / f"{shade}.png")
    settle(tmp_path)
    data = DataConfig.model_validate({"format": "image-folder", "spans": "data/{SPAN}/train", "holdout": {"eval": 0.3}})
    examples = generate(ExampleGen(data=data, task="classification"))
    assert [(span.name, sum(span.rows.values())) for span in examples.ingestion().spans] == [("1", 3), ("2", 6)]
