"""Fine-tuning MiniLM against Hugging Face Transformers on PyTorch, and one text's answer against a bare call of Keras.

Both sides of the first have the same weights, texts, batch size, limit of length, precision and threads, and take
turns. PyTorch stands in an environment of its own, which the first run makes (some 5 GB).
"""

import csv
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.bench import Bench
from tests.benchmarks.fine_tuning import checkpoint, on_few_texts
from tests.benchmarks.measure import Samples, interleaved, run
from tests.benchmarks.table import Row

_PACKAGES: Final = ("torch==2.13.0", "transformers>=4.50")
_STEP, _EPOCH = 128, 192
"""Most pieces of a text."""
_LONG: Final = 130
"""Words of a text that surely has more than `_STEP` pieces, so that neither side pads it."""
_FEW: Final = 320
_MANY: Final = 1_280
"""Texts of an epoch: so many drawn from all of R8's have its lengths, and take minutes."""


def measure(bench: Bench) -> Iterator[Row]:
    """A step on texts of one length, the mean step of an epoch on texts of all lengths, and one answer."""
    weights, python = checkpoint(bench), _environment(bench)
    with bench.csv("train").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    long = [row for row in rows if len(row["text"].split()) >= _LONG][:_FEW]
    against = partial(_against_torch, bench, python, weights)
    yield against(rows=long, length=_STEP, what=f"MiniLM, a step on 32 texts of {_STEP} pieces", limit=1.0)
    some = random.Random(1).sample(rows, _FEW if bench.quick else _MANY)
    what = f"... the mean step of an epoch, texts of at most {_EPOCH} pieces"
    yield against(rows=some, length=_EPOCH, what=what, limit=1 / 1.6)
    yield _one_text(bench, weights, long)


def _against_torch(
    bench: Bench,
    python: Path,
    weights: Path,
    *,
    rows: Sequence[Mapping[str, str]],
    length: int,
    what: str,
    limit: float,
) -> Row:
    file = _pipeline(bench, weights, rows, length)
    script = Path(__file__).with_name("torch_fine_tuning.py")
    ours, theirs = interleaved(
        bench.runs(3),
        partial(run, [sys.executable, "-m", "tests.benchmarks.training_loops", "ours", file]),
        partial(run, [python, "-P", script, weights, file.with_name("texts.csv"), str(length)]),
    )
    return Row(what, _milliseconds(ours), "ms", _milliseconds(theirs), limit)


def _one_text(bench: Bench, weights: Path, rows: Sequence[Mapping[str, str]]) -> Row:
    """The exported model on a text, as the model server asks it, and its network on the text's pieces."""
    file = _pipeline(bench, weights, rows, _STEP)
    pushed = bench.trainworks_run(file).result["pushed_path"]
    network = next((file.parent / ".trainworks").rglob("model.keras"))
    shard = next((file.parent / ".trainworks").rglob("transformed_examples/*/Split-train/data_tfrecord-*"))
    command = [sys.executable, "-m", "tests.benchmarks.one_text", pushed, network, shard, rows[0]["text"]]
    found = Samples([run(command) for _ in range(bench.runs(3))])
    ours, bare = (statistics.median(sample.result[side] for sample in found.samples) for side in ("ours", "bare"))
    return Row("MiniLM, one text, against a bare call of Keras on its pieces", ours, "ms", bare, 1.15)


def _pipeline(bench: Bench, weights: Path, rows: Sequence[Mapping[str, str]], length: int) -> Path:
    """A pipeline file, and beside it the texts that it trains on for two epochs."""
    model = {"family": "bert", "weights": str(weights), "sequence_length": length}
    return on_few_texts(bench, "pytorch", model, rows, epochs=2)


def _environment(bench: Bench) -> Path:
    """The Python that has PyTorch."""
    folder = (bench.work / "pytorch-environment").resolve()
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([python, "-m", "pip", "install", "--quiet", *_PACKAGES])
        (folder / "complete").touch()
    return python


def _milliseconds(samples: Samples) -> float:
    return statistics.median(sample.result["milliseconds"] for sample in samples.samples)
