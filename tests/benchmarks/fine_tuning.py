"""What `bert` reaches on Reuters R8 from a real checkpoint, by its defaults: `{family: bert, weights: minilm}`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
