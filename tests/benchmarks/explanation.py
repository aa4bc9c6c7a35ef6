"""How nearly the parts of an answer add up to it: integrated gradients of stories of the test split."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.explanation import SIGNATURE
from pipeline.prediction import SavedModel
from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row

_STEPS: Final = 50
_AT_ONCE: Final = 20


def measure(bench: Bench) -> Iterator[Row]:
    """What is missing, in percent of the rise that is explained: of half the stories less, of 95 in 100 less."""
    for family in ("transformer", "lstm"):
        file = bench.pipeline(f"explanation-{family}", {"family": family}, training={"epochs": 3})
        pushed = Path(bench.first_run(file).result["pushed_path"])
        missing = _missing(SavedModel(pushed), bench.csv("test"), 60 if bench.quick else 300)
        what = f"{family}, integrated gradients of {_STEPS} steps, what is missing"
        yield Row(f"{what}, 95th percentile", float(np.quantile(missing, 0.95)), "%", limit=2.0, bound="ours at most")
        yield Row("... median", float(np.median(missing)), "%", limit=2.0, bound="ours at most")


def _missing(model: SavedModel, stories: Path, count: int) -> list[float]:
    with stories.open(encoding="utf-8", newline="") as file:
        rows = [{"text": row["text"]} for row in itertools.islice(csv.DictReader(file), count)]
    found = []
    for start in range(0, count, _AT_ONCE):
        for outputs in model.ask(SIGNATURE, rows[start : start + _AT_ONCE], steps=_STEPS):
            rise = outputs["explained"] - outputs["baseline"]
            found.append(100 * abs(sum(outputs["attributions"]) - rise) / abs(rise))
    return found
