"""What the families' defaults reach on Reuters R8: `model: {family: lstm}` and nothing more, three seeds."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Samples
from tests.benchmarks.table import Row

LIMITS: Mapping[str, tuple[float, float | None]] = {
    "linear": (97.0, 30.0),
    "lstm": (96.3, 240.0),
    "transformer": (95.0, None),
}
"""Family to least test accuracy in percent (for `lstm` the published Bi-LSTM's) and most seconds of a whole run."""


def measure(bench: Bench) -> Iterator[Row]:
    for family, (percent, seconds) in LIMITS.items():
        yield from of_model(bench, family, {"family": family}, percent=percent, seconds=seconds)


def of_model(
    bench: Bench, name: str, model: Mapping[str, Any], *, percent: float, seconds: float | None
) -> Iterator[Row]:
    """Medians of the test accuracy and of the whole run's seconds; each run starts with an empty workspace."""
    file = bench.pipeline(f"accuracy-{model['family']}", model)
    seeds = range(1, 1 + bench.runs(3))
    runs = Samples([bench.first_run(file, "--set", f"training.seed={seed}") for seed in seeds])
    accuracies = [100 * sample.result["metrics"]["accuracy"] for sample in runs.samples]
    yield Row(
        f"{name}, R8 test accuracy, {len(accuracies)} seeds ({min(accuracies):.2f} to {max(accuracies):.2f})",
        statistics.median(accuracies),
        "%",
        limit=percent,
        bound="ours at least",
    )
    yield Row(f"{name}, the whole run", runs.seconds, "s", limit=seconds, bound="ours at most")
