"""What the training loop costs over the same model's bare tf.function loop on tensors in memory."""

import statistics
import sys
from collections.abc import Iterator

from tests.benchmarks.bench import LIKE_FOR_LIKE, Bench
from tests.benchmarks.like_for_like import TRAINING
from tests.benchmarks.measure import Sample, Samples, interleaved, run
from tests.benchmarks.table import Row


def measure(bench: Bench) -> Iterator[Row]:
    """At most 3 %; the network and batch size of the like-for-like job, six epochs a process."""
    file = bench.pipeline("training-step", LIKE_FOR_LIKE, training={**TRAINING, "epochs": 6, "restore_best": False})
    bench.trainworks_run(file, "--to", "Transform")

    def loop(name: str) -> Sample:
        return run([sys.executable, "-m", "tests.benchmarks.training_loops", name, file])

    ours, rival = interleaved(bench.runs(5), lambda: loop("ours"), lambda: loop("bare"))
    yield Row("a training step", _milliseconds(ours), "ms", _milliseconds(rival), limit=1.03)


def _milliseconds(samples: Samples) -> float:
    return statistics.median(sample.result["milliseconds"] for sample in samples.samples)
