"""What `bert` reaches on Reuters R8 from a real checkpoint, by its defaults: `{family: bert, weights: minilm}`."""

import statistics
from collections.abc import Iterator
from typing import Final

from tests.benchmarks.bench import TRAINWORKS, Bench
from tests.benchmarks.measure import Samples, run
from tests.benchmarks.table import Row

_PUBLISHED: Final = 97.8
"""Percent of test accuracy that is published for BERT-base."""


def measure(bench: Bench) -> Iterator[Row]:
    """Medians of the test accuracy and of the whole run's seconds; each run starts with an empty workspace."""
    sample = bench.work / "minilm"
    if not sample.exists():
        run([TRAINWORKS, "sample", "minilm", sample])
    weights = next(sample.rglob("model.safetensors")).parent.resolve()
    file = bench.pipeline("fine-tuning", {"family": "bert", "weights": str(weights)})
    seeds = range(1, 1 + bench.runs(3))
    runs = Samples([bench.first_run(file, "--set", f"training.seed={seed}") for seed in seeds])
    accuracies = [100 * sample.result["metrics"]["accuracy"] for sample in runs.samples]
    yield Row(
        f"bert (MiniLM), R8 test accuracy, {len(accuracies)} seeds ({min(accuracies):.2f} to {max(accuracies):.2f})",
        statistics.median(accuracies),
        "%",
        limit=_PUBLISHED,
        bound="ours at least",
    )
    yield Row("bert (MiniLM), the whole run", runs.seconds, "s", limit=720.0, bound="ours at most")
