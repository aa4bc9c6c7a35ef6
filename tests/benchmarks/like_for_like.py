"""The same job as a plain Keras script: csv to an exported LSTM, whole processes, the first time."""

import statistics
import sys
from collections.abc import Iterator

from tests.benchmarks.bench import LIKE_FOR_LIKE, Bench
from tests.benchmarks.measure import Sample, interleaved, run
from tests.benchmarks.table import Row

TRAINING = {
    "epochs": 3,
    "min_steps": 0,
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": 0.001,
    "learning_rate_schedule": "constant",
    "warmup_steps": 0,
    "clip_norm": None,
    "average_weights": None,
    "seed": 1,
}
"""The training of `plain_keras.py`; what the family's recipe would add is taken back."""


def measure(bench: Bench) -> Iterator[Row]:
    """Wall time at most that of the plain script, peak memory under 1.5 GB; both accuracies for the record."""
    file = bench.pipeline("like-for-like", LIKE_FOR_LIKE, training=TRAINING)

    def plain() -> Sample:
        export = bench.fresh("plain-keras")
        return run(
            [sys.executable, "-m", "tests.benchmarks.plain_keras", bench.csv("train"), bench.csv("test"), export]
        )

    ours, rival = interleaved(bench.runs(5), lambda: bench.first_run(file), plain)
    yield Row("LSTM on R8, 3 epochs, whole process", ours.seconds, "s", rival.seconds, limit=1.0)
    yield Row("... processor time", ours.cpu_seconds, "s", rival.cpu_seconds)
    yield Row("... peak memory", ours.peak_bytes / 1e9, "GB", rival.peak_bytes / 1e9, limit=1.5, bound="ours at most")
    yield Row(
        "... test accuracy",
        100 * statistics.median(sample.result["metrics"]["accuracy"] for sample in ours.samples),
        "%",
        100 * statistics.median(sample.result["accuracy"] for sample in rival.samples),
    )
