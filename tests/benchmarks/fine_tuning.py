"""What `bert` reaches on Reuters R8 from a real checkpoint, by its defaults: `{family: bert, weights: minilm}`."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.accuracy import of_model
from tests.benchmarks.bench import TRAINWORKS, Bench
from tests.benchmarks.measure import run
from tests.benchmarks.table import Row

_PUBLISHED: Final = 97.8
"""Percent of test accuracy that is published for BERT-base."""


def measure(bench: Bench) -> Iterator[Row]:
    """Accuracy and time as of the other families."""
    model = {"family": "bert", "weights": str(checkpoint(bench))}
    yield from of_model(bench, "bert (MiniLM)", model, percent=_PUBLISHED, seconds=720.0)


def checkpoint(bench: Bench) -> Path:
    """The folder of MiniLM, fetched by `trainworks sample` the first time."""
    sample = bench.work / "minilm"
    if not sample.exists():
        run([TRAINWORKS, "sample", "minilm", sample])
    return next(sample.rglob("model.safetensors")).parent.resolve()


def on_few_texts(
    bench: Bench, name: str, model: Mapping[str, Any], rows: Iterable[Mapping[str, str]], *, epochs: int
) -> Path:
    """A pipeline file, and beside it the texts that it trains on, which need not have all labels; to measure times, in
    float32 on every machine."""
    data = {"format": "csv", "splits": {"train": "texts.csv"}, "features": {"text": "text"}, "label": "label"}
    off = {"severity": "off"}
    rules = {"label_shift": off, "missing_class": off, "unknown_label": off}
    evaluation = {"require": [{"metric": "accuracy", "at_least": 0}]}
    training = {"epochs": epochs, "precision": "float32"}
    file = bench.pipeline(name, model, training=training, data=data, validation=rules, evaluation=evaluation)
    with file.with_name("texts.csv").open("w", encoding="utf-8", newline="") as texts:
        writer = csv.DictWriter(texts, ["text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file
